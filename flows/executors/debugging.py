"""Executor of `run --debug`: one attempt at a time, in the thread that started it.

There `breakpoint()` has the terminal to itself. Nothing else goes on while somebody looks, so
no attempt has a timeout.
"""

from __future__ import annotations

from bdb import BdbQuit
from collections import deque
from collections.abc import Callable, Sequence
from inspect import isawaitable
from types import TracebackType

import anyio
import anyio.lowlevel
from anyio.abc import TaskStatus

from triphammer.config.errors import TriphammerError
from triphammer.flows.context import enter_context
from triphammer.flows.errors import DebuggerLeft
from triphammer.flows.executors.contract import Attempt, AttemptId, AttemptResult, Report
from triphammer.flows.executors.outcome import cancellation, failure, success, user_frames
from triphammer.flows.executors.processes.groups import Groups
from triphammer.flows.opened import Opened

Look = Callable[[BaseException, TracebackType], None]
"""Lets somebody look at what the user's code raised, at the frames that it came from."""


class DebugExecutor:
    """Runs plain functions and coroutines alike, those of all executors. `look` blocks."""

    def __init__(self, now: Callable[[], int], look: Look) -> None:
        self._now = now
        self._look = look
        self._report: Report | None = None
        self._waiting: deque[Attempt] = deque()
        self._scopes: dict[AttemptId, anyio.CancelScope] = {}
        self._wake = anyio.Event()
        self._groups = Groups(None)
        self._opened = Opened()

    @property
    def running(self) -> int:
        """How many attempts are there, those that wait for their turn included."""
        return len(self._scopes)

    def bind(self, report: Report) -> None:
        """Say where results go."""
        self._report = report

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Run attempts, each when those before it have ended."""
        for attempt in attempts:
            self._scopes[attempt.id] = anyio.CancelScope()
        self._waiting.extend(attempts)
        self._wake.set()

    def cancel(self, attempt: AttemptId) -> None:
        """Cancel an attempt's coroutine."""
        scope = self._scopes.get(attempt)
        if scope is not None:
            scope.cancel()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Run what is submitted until cancelled. Raises `DebuggerLeft`."""
        async with anyio.create_task_group() as owners:
            await owners.start(self._opened.run, name="resources")
            task_status.started()
            try:
                await self._run_all()
            finally:
                self._opened.stop()
                self._groups.close()

    async def _run_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            while self._waiting:
                # In a task of its own: what it sets of context variables ends with it.
                async with anyio.create_task_group() as alone:
                    alone.start_soon(self._one, self._waiting.popleft())

    async def _one(self, attempt: Attempt) -> None:
        started = self._now()
        result = cancellation(attempt, started, started)
        try:
            with self._scopes[attempt.id] as scope:
                if not scope.cancel_called:
                    result = await self._outcome(attempt, started)
        finally:
            del self._scopes[attempt.id]
        if self._report is not None:
            self._report([result])

    async def _outcome(self, attempt: Attempt, started: int) -> AttemptResult:
        attempt.context.begin(started, None)
        attempt.context.groups = self._groups
        attempt.context.opened = self._opened
        enter_context(attempt.context)
        try:
            value = attempt.body()
            if isawaitable(value):
                value = await value
            return success(attempt, started, self._now(), attempt.encode(value))
        except anyio.get_cancelled_exc_class() as error:
            await anyio.lowlevel.checkpoint_if_cancelled()
            return failure(attempt, started, self._now(), error)
        except BdbQuit:
            left = f"the debugger was left in {attempt.id.task}: the run is given up"
            raise DebuggerLeft(left) from None
        # Seam to user code: sys.exit(), too, ends the attempt only.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            frames = user_frames(error)
            if frames is not None and not isinstance(error, TriphammerError):
                self._look(error, frames)
            return failure(attempt, started, self._now(), error)
