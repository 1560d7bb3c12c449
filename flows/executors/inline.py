"""Executor for the testing kit: everything on the caller's loop, so that time is virtual."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from inspect import isawaitable
from typing import Self

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup, TaskStatus

from triphammer.flows.context import enter_context
from triphammer.flows.executors.contract import (
    Attempt,
    AttemptId,
    AttemptResult,
    ExecutorContext,
    Report,
)
from triphammer.flows.executors.keeping import resources_of
from triphammer.flows.executors.outcome import (
    Ended,
    cancellation,
    failure,
    nothing_more,
    success,
    timed_out,
)
from triphammer.flows.graph import FlowDef
from triphammer.flows.opened import Opened


class InlineExecutor:
    """Runs coroutines on the loop it was started on, and plain functions there and then."""

    def __init__(self, now: Callable[[], int], *, ended: Ended = nothing_more) -> None:
        self._report: Report | None = None
        self._ended = ended
        self._now = now
        self._scopes: dict[AttemptId, anyio.CancelScope] = {}
        self._waiting: list[Attempt] = []
        self._wake = anyio.Event()
        self._opened = Opened()

    @classmethod
    def build(cls, context: ExecutorContext) -> Self:
        """For the testing kit."""
        return cls(context.now, ended=context.ended)

    @property
    def running(self) -> int:
        """How many attempts are there."""
        return len(self._scopes)

    def bind(self, report: Report) -> None:
        """Say where results go."""
        self._report = report

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Run what is submitted until cancelled."""
        async with anyio.create_task_group() as group:
            await group.start(self._opened.run, name="resources")
            task_status.started()
            try:
                await self._run_all(group)
            finally:
                self._opened.stop()

    async def _run_all(self, group: TaskGroup) -> None:
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            waiting, self._waiting = self._waiting, []
            for attempt in waiting:
                group.start_soon(self._one, attempt, name=f"task {attempt.id.task}")

    def keep(self, flows: Iterable[FlowDef]) -> None:
        """Close the resources of other flows; see `Keeps`."""
        self._opened.keep(resources_of(flows))

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Run attempts as soon as the loop turns."""
        for attempt in attempts:
            self._scopes[attempt.id] = anyio.CancelScope()
        self._waiting.extend(attempts)
        self._wake.set()

    def cancel(self, attempt: AttemptId) -> None:
        """Cancel an attempt's coroutine."""
        scope = self._scopes.get(attempt)
        if scope is not None:
            scope.cancel()

    async def _one(self, attempt: Attempt) -> None:
        started_at = self._now()
        attempt.context.begin(started_at, attempt.timeout)
        attempt.context.contained = True
        attempt.context.opened = self._opened
        enter_context(attempt.context)
        result = cancellation(attempt, started_at, started_at)
        try:
            with self._scopes[attempt.id] as scope:
                if not scope.cancel_called:
                    result = await self._outcome(attempt, started_at)
        finally:
            del self._scopes[attempt.id]
            self._ended(attempt.context)
        if self._report is not None:
            self._report([result])

    async def _outcome(self, attempt: Attempt, started_at: int) -> AttemptResult:
        try:
            value = attempt.body()
            if isawaitable(value):
                if attempt.timeout is None:
                    value = await value
                else:
                    with anyio.move_on_after(attempt.timeout) as limit:
                        value = await value
                    if limit.cancelled_caught:
                        return timed_out(attempt, started_at, self._now())
            return success(attempt, started_at, self._now(), attempt.encode(value))
        except anyio.get_cancelled_exc_class() as error:
            # Somebody's cancellation goes on from here; the code's own ends the attempt only.
            await anyio.lowlevel.checkpoint_if_cancelled()
            return failure(attempt, started_at, self._now(), error)
        # Seam to user code: sys.exit(), too, ends the attempt only.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return failure(attempt, started_at, self._now(), error)
