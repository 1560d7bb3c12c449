"""Executor `thread`: plain functions in worker threads.

A function cannot be killed: a timeout or cancel ends the attempt, the function goes on until
it returns, keeps its thread, and a retry of the same task waits for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from threading import Thread, current_thread
from typing import Any, Self

import anyio
from anyio.abc import TaskStatus

from triphammer.flows.executors.body import run_body
from triphammer.flows.executors.contract import (
    Attempt,
    AttemptId,
    AttemptResult,
    ExecutorContext,
    Released,
    Report,
)
from triphammer.flows.executors.doorbell import Doorbell
from triphammer.flows.executors.keeping import resources_of
from triphammer.flows.executors.line import Line
from triphammer.flows.executors.outcome import (
    Ended,
    cancellation,
    nothing_more,
    timed_out,
)
from triphammer.flows.executors.turns import Turns
from triphammer.flows.graph import FlowDef
from triphammer.flows.opened import CLOSE_SECONDS, Opened
from triphammer.flows.resource import Resource
from triphammer.flows.timers import Ticks, Timers


class ThreadExecutor:
    """At most `threads` functions at once; more wait in order."""

    def __init__(
        self, now: Callable[[], int], *, threads: int, ended: Ended = nothing_more
    ) -> None:
        self._most = threads
        self._ended = ended
        self._now = now
        self._report: Report | None = None
        self._jobs: dict[AttemptId, _Job] = {}
        self._turns: Turns[_Job] = Turns()
        self._handed_over = 0
        self._threads: list[Thread] = []
        self._work: Line[_Job] = Line()
        self._wanted: frozenset[Resource[Any]] | None = None
        self._holding: set[Thread] = set()
        self._closed = anyio.Event()
        self._done: deque[tuple[_Job, AttemptResult | None]] = deque()
        self._begun: deque[_Job] = deque()
        self._bell: Doorbell | None = None
        self._timers = Timers(_TICKS)

    @classmethod
    def build(cls, context: ExecutorContext) -> Self:
        """With as many threads as `[limits] threads` says."""
        threads = context.settings.limits.threads
        return cls(context.now, threads=threads, ended=context.ended)

    @property
    def running(self) -> int:
        """How many attempts are there, abandoned ones that still run included."""
        return len(self._jobs)

    def bind(self, report: Report) -> None:
        """Say where results go."""
        self._report = report

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Keep the workers until cancelled. Those that never return end with the process; the
        others close their resources."""
        self._bell = Doorbell(self._hear)
        try:
            await self._timers.run(task_status=task_status)
        finally:
            self._work.end()
            with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                while self._holding:
                    await self._closed.wait()

    def keep(self, flows: Iterable[FlowDef]) -> None:
        """Close the resources of other flows, each in its own thread; see `Keeps`."""
        self._wanted = resources_of(flows)
        self._work.tell_all()

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Queue attempts for a free worker."""
        for attempt in attempts:
            job = self._jobs[attempt.id] = _Job(attempt)
            if self._turns.join(job.key, job):  # else an abandoned attempt of it still runs
                self._hand_over(job)

    def cancel(self, attempt: AttemptId) -> None:
        """End the attempt; its function, once begun, goes on until it returns."""
        job = self._jobs.get(attempt)
        if job is not None:
            self._end_early(job, cancellation)

    # --- on the service loop ----------------------------------------------------------------

    def _hand_over(self, job: _Job) -> None:
        self._handed_over += 1
        self._work.put(job)
        if len(self._threads) < min(self._most, self._handed_over):
            worker = Thread(target=self._serve, name="triphammer task", daemon=True)
            self._threads.append(worker)
            worker.start()

    def _hear(self) -> None:
        while self._begun:
            self._watch(self._begun.popleft())
        self._closed.set()
        self._closed = anyio.Event()
        results: list[AttemptResult | Released] = []
        while self._done:
            job, result = self._done.popleft()
            self._let_go(job)
            if job.reported or result is None:
                results.append(Released(job.attempt.id))
            else:
                job.reported = True
                results.append(result)
        if results and self._report is not None:
            self._report(results)

    def _watch(self, job: _Job) -> None:
        """A function with a timeout has begun: its time counts from here."""
        limit = int((job.attempt.timeout or 0) * 1e6)
        self._timers.at(_TICKS.now() + limit, partial(self._end_early, job, timed_out))

    def _end_early(self, job: _Job, why: Callable[..., AttemptResult]) -> None:
        if job.reported:
            return
        job.reported = True
        now, begun = self._now(), job.started_at is not None
        result = why(job.attempt, job.started_at or now, now, still_running=begun)
        if self._report is not None:
            self._report([result])

    def _let_go(self, job: _Job) -> None:
        """The function has returned: its thread is free, and so is a retry that waited."""
        self._handed_over -= 1
        del self._jobs[job.attempt.id]
        after = self._turns.leave(job.key)
        if after is not None:
            self._hand_over(after)

    # --- in the worker threads --------------------------------------------------------------

    def _serve(self) -> None:
        opened, heard = Opened(), 0
        # Between two jobs nothing of the last is kept: its event may be large.
        while self._serve_one(opened, heard) or not self._work.is_over:
            heard = self._keep_some(opened, heard)
        opened.close_plain()
        self._holding.discard(current_thread())
        self._ring()

    def _keep_some(self, opened: Opened, heard: int) -> int:
        edition = self._work.edition
        if edition != heard and self._wanted is not None:
            opened.keep(self._wanted)
        if not opened:
            self._holding.discard(current_thread())
        return edition

    def _serve_one(self, opened: Opened, heard: int) -> bool:
        job = self._work.take(heard)
        if job is None:
            return False
        result = None
        if not job.reported:  # else cancelled while it waited
            result = self._perform(job, opened)
        if opened:
            self._holding.add(current_thread())
        self._done.append((job, result))
        self._ring()
        return True

    def _perform(self, job: _Job, opened: Opened) -> AttemptResult:
        attempt = job.attempt
        attempt.context.opened = opened
        started = job.started_at = self._now()
        if attempt.timeout is not None:
            self._begun.append(job)
            self._ring()
        return run_body(attempt, started, self._now, self._ended)

    def _ring(self) -> None:
        if self._bell is not None:
            self._bell.ring()


_TaskKey = tuple[str, str]
_TICKS = Ticks()


class _Job:
    """One attempt. `started_at` is set by its worker, all else by the service loop."""

    __slots__ = ("attempt", "reported", "started_at")

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.started_at: int | None = None
        self.reported = False

    @property
    def key(self) -> _TaskKey:
        """An attempt and its retry have the same."""
        return self.attempt.id.run, self.attempt.id.task
