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

import anyio

from triphammer.config.clock import steady

SLOT = 64
"""Bytes a run: more than any id and its mark have."""
EMPTY = bytes(SLOT)
RUN = b"run_"
ON_TRIAL, SURVIVOR = b"?", b"~"
"""Marks before the id of a suspect; see `blamed`."""
CROWD = 32
"""If more than so many were under way, a death without last words is blamed on nobody: it says
next to nothing about each of them, and a `kill -9` looks like that."""
ACQUITTED = 600_000_000
"""Microseconds after which a run is blamed for no crash: those that come so seldom keep nobody
from his work, and a run of many days meets a few of them."""

Write = Callable[[bytes, int], object]


class Underway:
    """A table of the runs under way, and `left`: who is to blame for the crash before.

    `now` is in microseconds, and no step of the wall clock moves it.
    """

    def __init__(
        self, write: Write, slots: int, left: tuple[str, ...], now: Callable[[], int] = steady
    ) -> None:
        self.left = left
        self._now = now
        self._write = write
        self._free = list(range(slots))
        self._slots: dict[str, int] = {}
        self._since: dict[str, int] = {}
        self._came = anyio.Event()

    def begin(self, run: str) -> None:
        """`run` is about to begin. Beyond the table's size nothing is noted."""
        self._note(run, b"")

    def on_trial(self, run: str) -> None:
        """The suspect `run` is about to begin."""
        self._note(run, ON_TRIAL)

    def survived(self, run: str) -> None:
        """The trial of `run` is over, and it is still under way."""
        if run in self._slots:
            self._put(run, SURVIVOR)

    def end(self, run: str) -> None:
        """`run` has ended, or is blamed for nothing any more."""
        slot = self._slots.pop(run, None)
        self._since.pop(run, None)
        if slot is not None:
            self._write_at(slot, EMPTY)
            self._free.append(slot)

    def end_all(self) -> None:
        """The daemon stops: that it is killed meanwhile is no crash. No run begins any more."""
        for run in list(self._slots):
            self.end(run)
        self._free.clear()

    async def run(self) -> None:
        """Acquit whom the daemon has survived for long, until cancelled."""
        while True:
            while not self._since:
                self._came = anyio.Event()
                await self._came.wait()
            run, since = next(iter(self._since.items()))
            await anyio.sleep((since + ACQUITTED - self._now()) / 1e6)
            if self._since.get(run) == since:
                self.end(run)

    def _note(self, run: str, mark: bytes) -> None:
        if run in self._slots or not self._free:
            return
        self._slots[run] = self._free.pop()
        self._since[run] = self._now()
        self._put(run, mark)
        self._came.set()

    def _put(self, run: str, mark: bytes) -> None:
        self._write_at(self._slots[run], (mark + run.encode())[:SLOT].ljust(SLOT, b"\0"))

    def _write_at(self, slot: int, text: bytes) -> None:
        # Only a hint: a full disk must not end a run.
        with suppress(OSError):
            self._write(text, slot * SLOT)


def nowhere() -> Underway:
    """A table that nobody will read: for runs within somebody else's process."""
    return Underway(lambda text, at: None, 0, ())


@contextmanager
def open_underway(file: Path, slots: int, *, fatal: bool = False) -> Generator[Underway]:
    """The table in `file`, which is removed at the end: only a crash leaves it behind. `fatal`:
    the process before is known to have died of a fault of its own."""
    left = _left(file, fatal)
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


def _left(file: Path, fatal: bool) -> tuple[str, ...]:
    try:
        return blamed(file.read_bytes(), fatal)
    except OSError:
        return ()


def blamed(table: bytes, fatal: bool) -> tuple[str, ...]:
    """Who is to blame: all that were under way, unless they were a `CROWD` and the crash may
    have come from outside. While suspects are on trial, those that survived theirs are not."""
    slots = [table[start : start + SLOT].rstrip(b"\0") for start in range(0, len(table), SLOT)]
    trial = any(slot.startswith(ON_TRIAL + RUN) for slot in slots)
    marks = ON_TRIAL if trial else ON_TRIAL + SURVIVOR
    runs = [run for slot in slots if (run := slot.lstrip(marks)).startswith(RUN)]
    if len(runs) > CROWD and not fatal:
        return ()
    return tuple(run.decode("ascii", "replace") for run in runs)
