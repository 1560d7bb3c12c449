"""Eight ways in which files get into a folder, as programs do it: each with its whole versions.

A way writes about `count` files below a folder and returns the whole versions that must have
been seen: path below the folder and size, in order of their writing.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

PAUSE = 0.45
"""Seconds between two parts of a file: under half of `SETTLE_MS`."""

SETTLE_MS = 1000
ROUNDS = 4
Version = tuple[str, int]
Way = Callable[[Path, int], list[Version]]


def at_once(folder: Path, count: int) -> list[Version]:
    """Each file in one write."""
    for number in range(count):
        (folder / f"once-{number}.csv").write_bytes(b"x" * (number + 1))
    return [(f"once-{number}.csv", number + 1) for number in range(count)]


class Pieces:
    """Writes a file in parts. `gap` is the longest time between two of them, in seconds.

    A machine that is too busy makes pauses that were not meant; then what is seen of the file
    may be a part, and nothing is claimed about it.
    """

    def __init__(self, path: Path, open: bool) -> None:
        self.path = path
        self.gap = 0.0
        self._last: float | None = None
        self._stream = path.open("ab") if open else None

    def write(self) -> None:
        started = self._last
        self._last = time.monotonic()
        if self._stream is not None:
            self._stream.write(b"part")
            self._stream.flush()
        else:
            with self.path.open("ab") as stream:
                stream.write(b"part")
        if started is not None:
            self.gap = max(self.gap, time.monotonic() - started)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


def in_pieces(folder: Path, count: int) -> list[Version]:
    """Parts with pauses between them; every other writer closes the file in the pause."""
    writers = [Pieces(folder / f"pieces-{number}.csv", number % 2 == 0) for number in range(count)]
    for _ in range(ROUNDS):
        for writer in writers:
            writer.write()
        time.sleep(PAUSE)
    for writer in writers:
        writer.close()
    return [(writer.path.name, 4 * ROUNDS) for writer in writers if writer.gap < SETTLE_MS / 1000]


def renamed(folder: Path, count: int) -> list[Version]:
    """A name that is not looked for, then the right one."""
    for number in range(count):
        part = folder / f".renamed-{number}.csv.tmp"
        part.write_bytes(b"whole")
        part.rename(folder / f"renamed-{number}.csv")
    return [(f"renamed-{number}.csv", 5) for number in range(count)]


def nested(folder: Path, count: int) -> list[Version]:
    """Each in new folders, three deep, at once after they were made."""
    for number in range(count):
        deep = folder / f"n{number}" / "a" / "b"
        deep.mkdir(parents=True)
        (deep / "nested.csv").write_bytes(b"nested")
    return [(f"n{number}/a/b/nested.csv", 6) for number in range(count)]


def moved_in(folder: Path, count: int) -> list[Version]:
    """Full folders that are moved in."""
    outside = folder.parent / "outside"
    for part in range(10):
        below = outside / f"full{part}" / "sub"
        below.mkdir(parents=True)
        for number in range(part, count, 10):
            (below / f"{number}.csv").write_bytes(b"moved in")
    for full in sorted(outside.iterdir()):
        full.rename(folder / full.name)
    shutil.rmtree(outside)
    return [(f"full{number % 10}/sub/{number}.csv", 8) for number in range(count)]


def first_written(folder: Path, count: int) -> list[Version]:
    """Files that will be rewritten."""
    for number in range(count):
        (folder / f"rewritten-{number}.csv").write_bytes(b"first")
    return [(f"rewritten-{number}.csv", 5) for number in range(count)]


def rewritten(folder: Path, count: int) -> list[Version]:
    """The same files written again in place."""
    for number in range(count):
        (folder / f"rewritten-{number}.csv").write_bytes(b"the second")
    return [(f"rewritten-{number}.csv", 10) for number in range(count)]


def before_start(folder: Path, count: int) -> list[Version]:
    """While nobody watches."""
    for number in range(count):
        (folder / f"down-{number}.csv").write_bytes(b"while down")
    return [(f"down-{number}.csv", 10) for number in range(count)]


def empty(folder: Path, count: int) -> list[Version]:
    """Files of zero bytes."""
    for number in range(count):
        (folder / f"empty-{number}.csv").touch()
    return [(f"empty-{number}.csv", 0) for number in range(count)]


AT_ONCE: list[Way] = [at_once, renamed, nested, moved_in, first_written, empty]
