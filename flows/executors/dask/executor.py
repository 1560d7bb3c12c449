"""Executor `dask`: bodies on the workers of a cluster.

The key of an attempt is made of run, task and number, so that a daemon that was restarted finds
what it had begun and takes the result, instead of beginning it again. What has begun on a
worker cannot be killed: as in a thread it keeps its slot after a timeout or cancel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import TaskStatus

from triphammer.config.clock import steady
from triphammer.config.errors import TriphammerError
from triphammer.flows.errors import ValueMisfit, WorkerDied
from triphammer.flows.executors.contract import (
    Attempt,
    AttemptId,
    AttemptResult,
    ExecutorContext,
    Released,
    Report,
)
from triphammer.flows.executors.dask.link import DaskConnection, Link
from triphammer.flows.executors.dask.order import Answer, News, Order, answer_of, packed
from triphammer.flows.executors.outcome import cancellation, failure, refusal, timed_out
from triphammer.flows.executors.remote import take_back
from triphammer.flows.executors.turns import Turns
from triphammer.flows.journal import LogLine
from triphammer.flows.timers import Ticks, Timers

KEPT_SECONDS = 60
"""A result stays with the scheduler so long after it was taken: until it is committed."""
UNCLAIMED_SECONDS = 600
"""What an earlier daemon has begun and nobody asks for is forgotten after so long."""
LOG_SECONDS = 2.0
"""So long is waited for lines that are on their way when the result has come."""


class DaskExecutor:
    """Hands attempts to a Dask scheduler; how many run at once is the cluster's to say."""

    def __init__(self, context: ExecutorContext, connection: DaskConnection) -> None:
        self._context = context
        self._prefix = f"triphammer-{context.folder_id or 'local'}-"
        self._link = Link(
            connection,
            f"{self._prefix}news",
            ready=context.ready,
            news=self._hear,
            leaving=self._leaving,
        )
        self._report: Report | None = None
        self._jobs: dict[AttemptId, _Job] = {}
        self._by_key: dict[str, _Job] = {}
        self._turns: Turns[_Job] = Turns()
        self._waiting: deque[_Job] = deque()
        self._timers = Timers(Ticks())
        self._over: deque[str] = deque()
        self._keys: set[str] = set()
        self._wake, self._due = anyio.Event(), anyio.Event()

    @classmethod
    def build(cls, context: ExecutorContext) -> Self:
        """For the scheduler of `[connections.dask]`. Raises `TriphammerError`."""
        return cls(context, DaskConnection.of(context.secrets.connection("dask")))

    @property
    def running(self) -> int:
        """How many attempts are there, abandoned ones that still run included."""
        return len(self._jobs)

    def bind(self, report: Report) -> None:
        """Say where results go."""
        self._report = report

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Hand attempts over, or take up those that the scheduler has already."""
        for attempt in attempts:
            job = self._jobs[attempt.id] = _Job(attempt, self._prefix)
            self._by_key[job.key] = job
            if self._turns.join(job.task, job):
                self._waiting.append(job)
        self._wake.set()

    def cancel(self, attempt: AttemptId) -> None:
        """End an attempt; its body, once begun, goes on until it returns."""
        job = self._jobs.get(attempt)
        if job is not None:
            job.cancel()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Talk to the scheduler until cancelled. What is under way there goes on, to be taken up
        by the next daemon; of a session in memory it is cancelled."""
        async with anyio.create_task_group() as group:
            await group.start(self._link.run, name="link to Dask")
            await group.start(self._timers.run, name="what Dask may forget, and when")
            group.start_soon(self._forget_in_time, name="what Dask may forget")
            task_status.started()
            while True:
                await self._wake.wait()
                self._wake = anyio.Event()
                while self._waiting:
                    job = self._waiting.popleft()
                    group.start_soon(self._settle, job, name=f"dask {job.attempt.id.task}")

    # --- one attempt -------------------------------------------------------------------------

    async def _settle(self, job: _Job) -> None:
        """Carry an attempt out and report it, whatever becomes of it."""
        try:
            result = await self._result(job)
            self._tell([result])
            if result.still_running:
                await self._until_over(job)
                self._tell([Released(job.attempt.id)])
            self._forget_after(KEPT_SECONDS, job.key)
        finally:
            self._let_go(job)

    def _let_go(self, job: _Job) -> None:
        del self._jobs[job.attempt.id]
        if self._by_key.get(job.key) is job:
            del self._by_key[job.key]
        after = self._turns.leave(job.task)
        if after is not None:
            self._waiting.append(after)
            self._wake.set()

    async def _result(self, job: _Job) -> AttemptResult:
        attempt, now = job.attempt, self._context.now
        job.asked_at = now()
        try:
            with anyio.CancelScope() as job.scope:
                if not job.cancelled:
                    return await self._answer(job)
        except WorkerDied as error:
            return failure(attempt, job.started_at, now(), error)
        except TriphammerError as error:
            return refusal(attempt, now(), error, retryable=not isinstance(error, ValueMisfit))
        finally:
            job.given_up = True
            self._context.ended(attempt.context)
        why = cancellation if job.cancelled else timed_out
        if job.begun is None:
            await self._withdraw(job)
        return why(attempt, job.started_at, now(), still_running=job.begun is not None)

    async def _answer(self, job: _Job) -> AttemptResult:
        try:
            answer = answer_of(await self._payload(job))
        except msgspec.ValidationError as error:
            raise WorkerDied(f"the Dask workers have another triphammer: {error}") from error
        await self._rest_of_log(job, answer)
        outcome = answer.outcome
        if outcome.used_folder:
            job.attempt.context.used_workdir()
        if outcome.artifacts or outcome.files:
            await anyio.to_thread.run_sync(take_back, outcome, self._context.artifacts)
        return msgspec.structs.replace(outcome.result, id=job.attempt.id)

    async def _payload(self, job: _Job) -> bytes:
        """What the body's future comes to, over as many connections as it takes."""
        while True:
            client = await self._link.client()
            try:
                future = await self._link.find(client, job.key)
                if future is None:
                    future = await self._begin(client, job)
                elif not job.sent:
                    job.attached = True
                    await self._look_back(client, job)
                job.sent = True
                payload: bytes = await future.result()
                return payload
            except self._link.troubles as error:
                if job.sent and self._link.holds(client):
                    raise WorkerDied(f"Dask gave the task up: {error}") from error
                self._link.doubt(client)
            except TriphammerError:
                raise
            # Seam to Dask: whatever it says of a task it lost (KilledWorker, ...).
            except Exception as error:
                raise WorkerDied(f"Dask gave the task up: {error}") from error

    async def _look_back(self, client: Any, job: _Job) -> None:
        """An earlier daemon has begun the attempt: when?"""
        begun = await self._link.begun(client, job.key)
        if begun is not None:
            job.begin(begun, (self._context.now() - begun) / 1e6)

    async def _begin(self, client: Any, job: _Job) -> Any:
        if job.sent:
            raise WorkerDied("the Dask scheduler does not know the task any more")
        payload = await anyio.to_thread.run_sync(self._packed, job)
        self._keys.add(job.key)
        return await self._link.submit(client, job.key, payload)

    def _packed(self, job: _Job) -> bytes:
        parcel = job.attempt.pack()
        order = Order(
            key=job.key,
            topic=f"{self._prefix}news",
            parcel=parcel,
            secrets=self._context.secrets.parts_named(tuple(parcel.sources.values())),
            most_lines=self._context.settings.limits.log_lines,
        )
        return packed(order)

    async def _until_over(self, job: _Job) -> None:
        """Return once a body that was given up has ended, or nobody knows of it any more."""
        with suppress(TriphammerError):
            await self._payload(job)

    async def _withdraw(self, job: _Job) -> None:
        with anyio.move_on_after(LOG_SECONDS):
            client = await self._link.client()
            try:
                await self._link.forget(client, job.key, cancel=True)
                self._keys.discard(job.key)
            except self._link.troubles:
                self._link.doubt(client)

    # --- news --------------------------------------------------------------------------------

    def _hear(self, told: Any) -> None:
        news = msgspec.convert({k: v for k, v in told.items() if k != "worker"}, News)
        job = self._by_key.get(news.key)
        if job is None or job.given_up:
            return
        if news.begun is not None:
            job.begin(news.begun)
        if news.progress is not None:
            job.attempt.context.progress(*news.progress)
        if news.lines:
            lines = [LogLine(*line) for line in news.lines]
            self._context.lines(job.attempt.context, lines, 0)
            job.heard(len(lines))

    async def _rest_of_log(self, job: _Job, answer: Answer) -> None:
        with anyio.move_on_after(LOG_SECONDS):
            # Of an attempt that was taken up, lines went by while nobody listened.
            while job.lines < answer.told and not job.attached:
                await job.more.wait()
        dropped = answer.outcome.dropped
        if answer.rest or dropped:
            self._context.lines(job.attempt.context, answer.rest, dropped)

    # --- what the scheduler keeps ---------------------------------------------------------------

    async def _forget_in_time(self) -> None:
        """Let go of what nobody will ask for: results taken, and what earlier daemons left."""
        await self._note_unclaimed()
        while True:
            await self._due.wait()
            self._due = anyio.Event()
            while self._over:
                key = self._over.popleft()
                if key not in self._by_key:  # else it is asked for again
                    await self._forget(key)

    async def _note_unclaimed(self) -> None:
        client = await self._link.client()
        try:
            for key in await self._link.published(client, self._prefix):
                self._forget_after(UNCLAIMED_SECONDS, key)
        except self._link.troubles:
            self._link.doubt(client)

    def _forget_after(self, wait: int, key: str) -> None:
        def due() -> None:
            self._over.append(key)
            self._due.set()

        self._keys.add(key)
        self._timers.at(steady() + wait * 1_000_000, due)

    async def _forget(self, key: str) -> None:
        client = await self._link.client()
        try:
            await self._link.forget(client, key)
            self._keys.discard(key)
        except self._link.troubles:
            self._link.doubt(client)

    async def _leaving(self, client: Any) -> None:
        """What a session in memory began, nobody will ever take."""
        if self._context.folder_id is None:
            for key in self._keys:
                await self._link.forget(client, key, cancel=True)

    def _tell(self, results: Sequence[AttemptResult | Released]) -> None:
        if self._report is not None:
            self._report(results)


class _Job:
    """One attempt that is there. `sent`: the scheduler has it; `attached`: it had it before."""

    __slots__ = (
        "asked_at",
        "attached",
        "attempt",
        "begun",
        "cancelled",
        "given_up",
        "key",
        "lines",
        "more",
        "scope",
        "sent",
    )

    def __init__(self, attempt: Attempt, prefix: str) -> None:
        id = attempt.id
        self.attempt = attempt
        self.key = f"{prefix}{id.run}-{id.task}-{id.attempt}"
        self.scope: anyio.CancelScope | None = None
        self.asked_at = 0
        self.begun: int | None = None
        self.cancelled = self.given_up = self.sent = self.attached = False
        self.lines = 0
        self.more = anyio.Event()

    @property
    def task(self) -> tuple[str, str]:
        """An attempt and its retry have the same."""
        return self.attempt.id.run, self.attempt.id.task

    @property
    def started_at(self) -> int:
        return self.asked_at if self.begun is None else self.begun

    def cancel(self) -> None:
        self.cancelled = True
        if self.scope is not None:
            self.scope.cancel()

    def begin(self, at: int, elapsed: float = 0.0) -> None:
        """The body has begun, `elapsed` seconds ago."""
        self.begun = at
        if self.attempt.timeout is not None and self.scope is not None:
            left = max(self.attempt.timeout - max(elapsed, 0.0), 0.0)
            self.scope.deadline = anyio.current_time() + left

    def heard(self, lines: int) -> None:
        self.lines += lines
        self.more.set()
        self.more = anyio.Event()
