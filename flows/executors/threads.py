"""Executor `thread`: plain functions in worker threads.

A function cannot be killed: a timeout or cancel ends the attempt, the function goes on until
it returns, keeps its slot, and a retry of the same task waits for it.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import ClassVar

import anyio
import msgspec
from anyio.abc import TaskStatus

from triphammer.config.threadsafe import CallSoon, thread_caller
from triphammer.flows.context import enter_context
from triphammer.flows.executors.contract import Attempt, AttemptId, AttemptResult, Released, Report
from triphammer.flows.executors.outcome import (
    Ended,
    cancellation,
    failure,
    nothing_more,
    success,
    timed_out,
)


class _Job(msgspec.Struct):
    attempt: Attempt
    started_at: int = 0
    reported: bool = False
    timer: asyncio.TimerHandle | None = None


_TaskKey = tuple[str, str]


class ThreadExecutor:
    """At most `threads` functions at once; more wait in order."""

    name: ClassVar[str] = "thread"

    def __init__(
        self, now: Callable[[], int], *, threads: int, ended: Ended = nothing_more
    ) -> None:
        self._most = threads
        self._report: Report = _nowhere
        self._ended = ended
        self._now = now
        self._work: SimpleQueue[_Job | None] = SimpleQueue()
        self._jobs: dict[AttemptId, _Job] = {}
        self._busy: set[_TaskKey] = set()
        self._held: dict[_TaskKey, deque[_Job]] = {}
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._results: deque[tuple[_Job, AttemptResult]] = deque()
        self._told = False
        self._service: CallSoon | None = None

    @property
    def running(self) -> int:
        """How many attempts are there, abandoned ones that still run included."""
        return len(self._jobs)

    def bind(self, report: Report) -> None:
        """Say where results go."""
        self._report = report

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Keep the workers until cancelled. Those that never return end with the process."""
        self._service = thread_caller()
        task_status.started()
        try:
            await anyio.sleep_forever()
        finally:
            for _ in self._threads:
                self._work.put(None)

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Queue attempts for a free worker."""
        for attempt in attempts:
            job = _Job(attempt)
            self._jobs[attempt.id] = job
            key = (attempt.id.run, attempt.id.task)
            if key in self._busy:  # an abandoned try of the same task still runs
                self._held.setdefault(key, deque()).append(job)
            else:
                self._begin(key, job)

    def cancel(self, attempt: AttemptId) -> None:
        """End the attempt; its function, once begun, goes on until it returns."""
        job = self._jobs.get(attempt)
        if job is not None and not job.reported:
            self._report_early(job, cancellation(job.attempt, job.started_at, self._now()))

    def _begin(self, key: _TaskKey, job: _Job) -> None:
        self._busy.add(key)
        self._work.put(job)
        if len(self._threads) < self._most and self._idle < self._work.qsize():
            thread = threading.Thread(target=self._serve, name="triphammer task", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _started(self, job: _Job) -> None:
        """On the service loop: the time limit runs from the function's own beginning."""
        timeout = job.attempt.timeout
        if timeout is not None and not job.reported:
            loop = asyncio.get_running_loop()
            job.timer = loop.call_later(timeout, self._expire, job)

    def _expire(self, job: _Job) -> None:
        result = timed_out(job.attempt, job.started_at, self._now(), still_running=True)
        self._report_early(job, result)

    def _report_early(self, job: _Job, result: AttemptResult) -> None:
        job.reported = True
        if job.timer is not None:
            job.timer.cancel()
        self._report([result])

    def _deliver(self) -> None:
        self._told = False
        results: list[AttemptResult | Released] = []
        while self._results:
            job, result = self._results.popleft()
            self._free(job)
            results.append(Released(result.id) if job.reported else result)
            job.reported = True
        if results:
            self._report(results)

    def _free(self, job: _Job) -> None:
        id = job.attempt.id
        self._jobs.pop(id, None)
        if job.timer is not None:
            job.timer.cancel()
        key = (id.run, id.task)
        held = self._held.get(key)
        if held:
            self._work.put(held.popleft())
            return
        self._held.pop(key, None)
        self._busy.discard(key)

    # --- in the worker threads --------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            self._idle += 1
            job = self._work.get()
            self._idle -= 1
            if job is None:
                return
            if job.reported:  # cancelled while it waited
                self._give_back(job, cancellation(job.attempt, job.started_at, self._now()))
                continue
            job.started_at = self._now()
            if job.attempt.timeout is not None:
                assert self._service is not None
                self._service(partial(self._started, job))
            result = contextvars.copy_context().run(self._one, job)
            self._give_back(job, result)

    def _one(self, job: _Job) -> AttemptResult:
        attempt = job.attempt
        attempt.context.begin(job.started_at, attempt.timeout)
        enter_context(attempt.context)
        try:
            value = attempt.encode(attempt.body())
            result = success(attempt, job.started_at, self._now(), value)
        # Seam to user code: a task may raise anything, SystemExit included.
        except BaseException as error:  # noqa: BLE001
            result = failure(attempt, job.started_at, self._now(), error)
        self._ended(attempt.context)
        return result

    def _give_back(self, job: _Job, result: AttemptResult) -> None:
        self._results.append((job, result))
        if not self._told:
            self._told = True
            assert self._service is not None
            self._service(self._deliver)


def _nowhere(results: Sequence[AttemptResult | Released]) -> None:
    raise RuntimeError("ThreadExecutor.bind was not called before the first attempt")
