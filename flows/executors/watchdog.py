"""Finds user code that blocks the flow loop: which task, and in which file and line.

A coroutine that calls `time.sleep` or spins in Python keeps every other coroutine waiting.
C code that does not release the interpreter's lock stops this watchdog, too: see `LockWatch`.
"""

from __future__ import annotations

import asyncio
import faulthandler
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from threading import Thread
from time import perf_counter
from types import FrameType
from typing import TextIO

import anyio
from anyio.abc import TaskStatus

from triphammer.flows.executors.contract import Attempt, Stall, Stalled
from triphammer.flows.executors.doorbell import Doorbell
from triphammer.flows.executors.loop_body import LoopBody
from triphammer.flows.places import is_users

BEAT_SECONDS = 0.2
LATE_SECONDS = 0.5
"""A loop that has not answered for so long is blocked: reported within a second."""
SWITCH_SECONDS = 0.0005
"""Interpreter switch interval: pure-Python loops delay other threads by about this much."""


def share_interpreter() -> None:
    """Let threads take turns quickly, so that user code that spins delays nobody for long."""
    sys.setswitchinterval(SWITCH_SECONDS)


class Watchdog:
    """While the loop is `busy`, asks it for an answer every moment; tells `stall` when none
    comes, and when it comes again (None). `bodies` are the attempts on the loop. `lag` is
    told how many seconds each answer took."""

    def __init__(
        self,
        loop: AbstractEventLoop,
        thread: Thread,
        busy: Callable[[], bool],
        bodies: Callable[[], Sequence[LoopBody]],
        stall: Stall | None,
        lag: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._loop = loop
        self._thread = thread
        self._busy = busy
        self._bodies = bodies
        self._stall = stall
        self._lag = lag
        self._work = anyio.Event()

    def wake(self) -> None:
        """The loop has got work."""
        self._work.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Watch until cancelled."""
        task_status.started()
        while True:
            await self._work.wait()
            await self._beat()
            await anyio.sleep(BEAT_SECONDS)
            if not self._busy():
                self._work = anyio.Event()

    async def _beat(self) -> None:
        answered = anyio.Event()
        asked, began = anyio.current_time(), perf_counter()
        self._loop.call_soon_threadsafe(Doorbell(answered.set).ring)
        with anyio.move_on_after(LATE_SECONDS) as late:
            await answered.wait()
        self._lag(perf_counter() - began)
        if late.cancelled_caught and self._stall is not None:
            found = self._look(anyio.current_time() - asked)
            if found is not None:
                self._stall(found)
        await answered.wait()
        if late.cancelled_caught and self._stall is not None:
            self._stall(None)

    def _look(self, seconds: float) -> Stalled | None:
        """Who is blocking; None when it has just gone on."""
        attempt = self._blocking()
        frames = sys._current_frames()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        frame = frames.get(self._thread.ident or 0)
        if frame is None:
            return None
        file, line = _users_place(frame)
        if attempt is None:
            return Stalled("", "", "", file, line, seconds)
        return Stalled(attempt.flow, attempt.id.run, attempt.id.task, file, line, seconds)

    def _blocking(self) -> Attempt | None:
        task = asyncio.current_task(self._loop)
        return next((b.attempt for b in self._bodies() if b.task is task), None)


def _users_place(innermost: FrameType) -> tuple[str, int]:
    """The innermost line of the user's own code, else the innermost line of all."""
    frame: FrameType | None = innermost
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return innermost.f_code.co_filename, innermost.f_lineno


class LockWatch:
    """Names code that keeps the interpreter's lock: a C thread writes all stacks to `file`.

    `run` puts the moment off as long as the service loop turns.
    """

    def __init__(self, file: TextIO, seconds: float = 5.0) -> None:
        self._file = file
        self._seconds = seconds

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Watch until cancelled."""
        task_status.started()
        try:
            while True:
                faulthandler.dump_traceback_later(self._seconds, file=self._file)
                await anyio.sleep(self._seconds / 4)
        finally:
            faulthandler.cancel_dump_traceback_later()
