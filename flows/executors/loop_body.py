"""One attempt on the flow loop: its task, its timers, what is reported of it and when."""

from __future__ import annotations

from asyncio import AbstractEventLoop, CancelledError, Task, TimerHandle
from collections.abc import Callable
from inspect import isawaitable
from math import inf
from time import monotonic

from triphammer.flows.context import enter_context
from triphammer.flows.executors.contract import Attempt, AttemptResult, Released
from triphammer.flows.executors.outcome import cancellation, failure, success, timed_out
from triphammer.flows.executors.processes.groups import Groups
from triphammer.flows.opened import Opened


class LoopBody:
    """Belongs to the loop's thread.

    `tell` gets what there is to report, and whether the coroutine has ended. A coroutine that
    does not end `grace` seconds after its cancellation is reported `still_running`, and as
    `Released` once it ends after all.
    """

    __slots__ = (
        "_begun",
        "_due",
        "_early",
        "_given_up",
        "_grace",
        "_groups",
        "_now",
        "_opened",
        "_started",
        "_tell",
        "_timer",
        "attempt",
        "task",
    )

    def __init__(
        self,
        attempt: Attempt,
        now: Callable[[], int],
        tell: Callable[[LoopBody, AttemptResult | Released, bool], None],
        groups: Groups,
        opened: Opened,
        grace: float,
    ) -> None:
        self.attempt = attempt
        self.task: Task[None] | None = None
        self._now = now
        self._tell = tell
        self._groups = groups
        self._grace = grace
        self._opened = opened
        self._timer: TimerHandle | None = None
        self._started = now()
        self._early: Callable[..., AttemptResult] | None = None
        self._begun = False
        self._due = inf
        self._given_up = False

    def start(self, loop: AbstractEventLoop) -> None:
        """Begin on `loop`, which is the running one."""
        timeout = self.attempt.timeout
        if timeout is not None:
            self._due = monotonic() + timeout
            self._timer = loop.call_later(timeout, self._expire)
        # The executor is this loop's task group: it keeps every task until it has ended.
        self.task = loop.create_task(self._run())

    def cancel(self) -> None:
        """End it because the engine says so."""
        self._end_early(cancellation)

    def _expire(self) -> None:
        self._end_early(timed_out)

    def _end_early(self, tell_why: Callable[..., AttemptResult]) -> None:
        if self.task is None or self._early is not None:
            return
        self._early = tell_why
        if self._timer is not None:
            self._timer.cancel()
        # A task that is cancelled before its first step never sees it: `_run` looks itself.
        if self._begun:
            self.task.cancel()
            self._timer = self.task.get_loop().call_later(self._grace, self._give_up)

    def _give_up(self) -> None:
        assert self._early is not None
        self._given_up = True
        result = self._early(self.attempt, self._started, self._now(), still_running=True)
        self._tell(self, result, False)

    async def _run(self) -> None:
        self._begun = True
        result = await self._result() if self._early is None else None
        # A coroutine that does not yield keeps the timer from running. The loop's own time may
        # stand still as long as that.
        if self._early is None and monotonic() >= self._due:
            self._early = timed_out
        if self._timer is not None:
            self._timer.cancel()
        if self._given_up:
            self._tell(self, Released(self.attempt.id), True)
        elif self._early is not None:
            # Whatever it returned came too late, whatever it raised came from its clean-up.
            self._tell(self, self._early(self.attempt, self._started, self._now()), True)
        elif result is not None:
            self._tell(self, result, True)

    async def _result(self) -> AttemptResult:
        attempt = self.attempt
        attempt.context.begin(self._started, attempt.timeout)
        attempt.context.groups = self._groups
        attempt.context.opened = self._opened
        enter_context(attempt.context)
        try:
            value = attempt.body()
            if isawaitable(value):
                value = await value
            return success(attempt, self._started, self._now(), attempt.encode(value))
        except CancelledError as error:
            # Nobody but `_end_early` cancels this task, and it is its outermost frame: this is
            # either that, already noted, or the user's code that has cancelled itself.
            return failure(attempt, self._started, self._now(), error)
        # Seam to user code: SystemExit, too, ends the attempt and not the loop.
        except BaseException as error:  # noqa: BLE001
            return failure(attempt, self._started, self._now(), error)
