"""What the interpreter says when a fatal signal ends the process: a segmentation fault, an abort.

Nobody can say anything after a `kill -9`: no last words mean that somebody else may have ended
the process.
"""

from __future__ import annotations

import faulthandler
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 4000
"""Characters of it that are kept."""


@contextmanager
def last_words(file: Path) -> Generator[str]:
    """The last words of the process before; empty if it had none. Those of this one go to
    `file` meanwhile, unless somebody has already said where such words go."""
    said = _read(file)
    if faulthandler.is_enabled():
        yield said
        return
    try:
        stream = file.open("w")
    except OSError:  # no room: the daemon must come up all the same
        yield said
        return
    with stream:
        faulthandler.enable(stream, all_threads=False)
        try:
            yield said
        finally:
            faulthandler.disable()
    file.unlink(missing_ok=True)


def _read(file: Path) -> str:
    try:
        with file.open(errors="replace") as stream:
            return stream.read(LONGEST).strip()
    except OSError:
        return ""
