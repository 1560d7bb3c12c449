"""Which runs were under way when the process died: a hint for the next one.

A run that crashes the process does so before anything about it can be committed. What is
written to a file without a flush outlives the process, though not the power; after a loss of
power nobody is to blame.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

SLOT = 64
"""Bytes a run: more than any id has."""
EMPTY = bytes(SLOT)
RUN = b"run_"

Write = Callable[[bytes, int], object]


class Underway:
    """A table of the runs under way, and `left`: those of a process that crashed."""

    def __init__(self, write: Write, slots: int, left: tuple[str, ...]) -> None:
        self.left = left
        self._write = write
        self._free = list(range(slots))
        self._slots: dict[str, int] = {}

    def begin(self, run: str) -> None:
        """`run` is about to begin. Beyond the table's size nothing is noted."""
        if run in self._slots or not self._free:
            return
        slot = self._slots[run] = self._free.pop()
        self._put(slot, run.encode()[:SLOT].ljust(SLOT, b"\0"))

    def end(self, run: str) -> None:
        """`run` has ended."""
        slot = self._slots.pop(run, None)
        if slot is not None:
            self._put(slot, EMPTY)
            self._free.append(slot)

    def _put(self, slot: int, text: bytes) -> None:
        # Only a hint: a full disk must not end a run.
        with suppress(OSError):
            self._write(text, slot * SLOT)


def nowhere() -> Underway:
    """A table that nobody will read: for runs within somebody else's process."""
    return Underway(lambda text, at: None, 0, ())


@contextmanager
def open_underway(file: Path, slots: int) -> Generator[Underway]:
    """The table in `file`, which is removed at the end: only a crash leaves it behind."""
    left = _left(file)
    try:
        stream = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError:
        yield Underway(lambda text, at: None, 0, left)
        return
    try:
        yield Underway(lambda text, at: os.pwrite(stream, text, at), slots, left)
    finally:
        os.close(stream)
        file.unlink(missing_ok=True)


def _left(file: Path) -> tuple[str, ...]:
    try:
        text = file.read_bytes()
    except OSError:
        return ()
    slots = [text[start : start + SLOT].rstrip(b"\0") for start in range(0, len(text), SLOT)]
    return tuple(slot.decode("ascii", "replace") for slot in slots if slot.startswith(RUN))
