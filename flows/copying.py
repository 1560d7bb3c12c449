"""Copies a content piece by piece, by its hash: it may be larger than the memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile

from triphammer.flows.errors import TooLarge

PIECE = 1 << 20
UNFINISHED = "new-"


def copy_into(
    folder: Path,
    source: bytes | Path,
    most: int,
    *,
    target: Callable[[str], Path] | None = None,
    writing: Callable[[str], None] = lambda _: None,
) -> tuple[str, int, Path]:
    """The SHA-256 of `source` in hex, its size, and the file below `folder` that it is now.

    `target` says where the file goes by its hash; it is fsynced before. `writing` is told of the
    unfinished file. Raises `TooLarge` beyond `most` bytes, OSError.
    """
    hash, size = hashlib.sha256(), 0
    with NamedTemporaryFile(dir=folder, prefix=UNFINISHED, delete=False) as file:
        written = Path(file.name)
        writing(written.name)
        try:
            for piece in _pieces(source):
                size += len(piece)
                if size > most:
                    raise TooLarge(size)
                hash.update(piece)
                file.write(piece)
            digest = hash.hexdigest()
            goal = folder / digest if target is None else target(digest)
            file.flush()
            if target is not None:
                os.fsync(file.fileno())
            written.rename(goal)
        except BaseException:
            written.unlink(missing_ok=True)
            raise
    return digest, size, goal


def _pieces(source: bytes | Path) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as reading:
        while piece := reading.read(PIECE):
            yield piece
