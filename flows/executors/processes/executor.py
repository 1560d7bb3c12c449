"""Executor `process`: plain functions and coroutines in worker processes of our own.

A worker carries out one attempt at a time and is kept for the next. One that ends, however,
takes only its own attempt with it; one that must end (timeout, cancel) is killed with all it
has started.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Self

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import TaskGroup, TaskStatus

from triphammer.config.errors import TriphammerError
from triphammer.flows.envs.building import Interpreter
from triphammer.flows.envs.house import ENVS, EnvHouse
from triphammer.flows.errors import ValueMisfit, WorkerDied
from triphammer.flows.executors.contract import (
    Attempt,
    AttemptId,
    AttemptResult,
    ExecutorContext,
    Report,
)
from triphammer.flows.executors.outcome import cancellation, failure, refusal, timed_out
from triphammer.flows.executors.processes.groups import Groups, mark_of
from triphammer.flows.executors.processes.member import Member, program
from triphammer.flows.executors.processes.wire import Hello, Work
from triphammer.flows.executors.remote import take_back
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import LogLine

IDLE_SECONDS = 300.0
"""A worker that has had nothing to do for so long is let go."""
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""What numeric libraries read: without a limit each worker would use every core."""


class ProcessExecutor:
    """At most `processes` attempts at once, each in a worker of its own; more wait in order."""

    def __init__(self, context: ExecutorContext, *, processes: int) -> None:
        self._context = context
        self._most = processes
        self._grace = context.settings.limits.grace.total_seconds()
        self._report: Report | None = None
        self._jobs: dict[AttemptId, _Job] = {}
        self._waiting: deque[_Job] = deque()
        self._idle: list[_Place] = []
        self._places = 0
        self._wake = anyio.Event()
        self._groups = Groups(None if context.folder is None else mark_of(context.folder))
        self._env = worker_environment(os.environ, processes)
        self._versions: frozenset[tuple[str, str]] | None = None
        self._unprepared: list[_Job] = []
        self._envs: EnvHouse | None = None

    @classmethod
    def build(cls, context: ExecutorContext) -> Self:
        """With as many processes as `[limits] processes` says, else one a core."""
        return cls(context, processes=context.settings.limits.processes or cores())

    @property
    def running(self) -> int:
        """How many attempts are there, those that wait for a process included."""
        return len(self._jobs)

    def bind(self, report: Report) -> None:
        """Say where results go."""
        self._report = report

    def keep(self, flows: Iterable[FlowDef]) -> None:
        """Let go of workers that hold resources of other flows; see `Keeps`."""
        self._versions = frozenset((flow.name, flow.version) for flow in flows)
        for place in self._idle:
            if self._is_worn(place):
                place.called.set()

    def _is_worn(self, place: _Place) -> bool:
        held = () if place.member is None else place.member.holds
        return self._versions is not None and not self._versions.issuperset(held)

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Hand attempts to workers that have nothing to do, or start further ones."""
        for attempt in attempts:
            job = self._jobs[attempt.id] = _Job(attempt)
            (self._waiting if attempt.env is None else self._unprepared).append(job)
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._idle:
            job = self._waiting.popleft()
            self._idle_for(job).give(job)
        if self._waiting or self._unprepared:
            self._wake.set()

    def _idle_for(self, job: _Job) -> _Place:
        """The last that fell idle, of those that suit: the others may be let go one day."""
        suiting = (n for n, place in enumerate(self._idle) if place.interpreter == job.interpreter)
        return self._idle.pop(max(suiting, default=-1))

    def cancel(self, attempt: AttemptId) -> None:
        """End an attempt, by force if it does not obey."""
        job = self._jobs.get(attempt)
        if job is not None:
            job.cancel()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Keep the workers until cancelled; then all of them are killed."""
        try:
            async with anyio.create_task_group() as group:
                task_status.started()
                while True:
                    await self._wake.wait()
                    self._wake = anyio.Event()
                    unprepared, self._unprepared = self._unprepared, []
                    for job in unprepared:
                        group.start_soon(self._prepare, job, name="environment of a task")
                    self._start_places(group)
        finally:
            if self._envs is not None:
                self._envs.close()
            self._groups.close()

    async def _prepare(self, job: _Job) -> None:
        """See that the environment is there, before a place is taken for the attempt."""
        attempt, now = job.attempt, self._context.now
        began, error = now(), None
        with anyio.CancelScope() as job.scope:
            try:
                if not job.cancelled:
                    job.interpreter = await self._interpreter(attempt)
            except TriphammerError as raised:
                error = raised
        job.scope = None
        if job.interpreter is not None:
            self._waiting.append(job)
            self._hand_out()
            return
        self._over(job)
        if error is not None:
            self._tell(refusal(attempt, now(), error, retryable=True))
        else:
            self._tell(cancellation(attempt, began, now()))

    async def _interpreter(self, attempt: Attempt) -> Interpreter:
        assert attempt.env is not None
        root, context = attempt.context.root, self._context
        if self._envs is None:
            folder = context.folder or root / context.settings.store.data
            self._envs = EnvHouse(folder / ENVS, self._groups)

        def say(text: str) -> None:
            if attempt.id in self._jobs:  # a build goes on when its attempt is cancelled
                context.lines(attempt.context, (LogLine(context.now(), "INFO", text),), 0)

        return await self._envs.interpreter(attempt.env, root, say)

    def _start_places(self, group: TaskGroup) -> None:
        while self._waiting and self._places < self._most:
            self._places += 1
            group.start_soon(self._serve, self._waiting.popleft(), name="worker process")

    async def _serve(self, job: _Job) -> None:
        """One worker after the other in one place, until there is nothing to do for long."""
        async with anyio.create_task_group() as readers:
            place = _Place(readers)
            try:
                given: _Job | None = job
                while given is not None:
                    place.job = given
                    await self._settle(place, given)
                    given = await self._next_job(place)
            finally:
                self._places -= 1
                with anyio.CancelScope(shield=True):
                    await place.let_go()

    async def _next_job(self, place: _Place) -> _Job | None:
        place.free()
        if self._is_worn(place):
            await place.let_go()
        if self._waiting:
            return self._waiting.popleft()
        self._idle.append(place)
        with anyio.move_on_after(IDLE_SECONDS):
            await place.called.wait()
        if place.job is None:
            self._idle.remove(place)
        return place.job

    # --- one attempt ------------------------------------------------------------------------

    async def _settle(self, place: _Place, job: _Job) -> None:
        """Carry an attempt out and report it, whatever becomes of it."""
        try:
            result = await self._result(place, job)
        finally:
            self._over(job)
        self._tell(result)

    def _over(self, job: _Job) -> None:
        del self._jobs[job.attempt.id]
        self._context.ended(job.attempt.context)

    def _tell(self, result: AttemptResult) -> None:
        if self._report is not None:
            self._report([result])

    async def _result(self, place: _Place, job: _Job) -> AttemptResult:
        attempt, now = job.attempt, self._context.now
        job.started_at = now()
        try:
            with anyio.CancelScope() as job.scope:
                if not job.cancelled:
                    return await self._carried_out(place, job)
        except WorkerDied as error:
            attempt.context.used_workdir()
            await place.let_go()
            return failure(attempt, job.started_at, now(), error)
        except TriphammerError as error:  # it cannot be sent, or its result cannot be kept
            return refusal(attempt, now(), error, retryable=not isinstance(error, ValueMisfit))
        if place.member is not None and job.scope.cancelled_caught:
            attempt.context.used_workdir()
            await place.member.end(partial(self._said, job), self._grace)
            await place.let_go()
        why = cancellation if job.cancelled else timed_out
        return why(attempt, job.started_at, now())

    async def _carried_out(self, place: _Place, job: _Job) -> AttemptResult:
        attempt = job.attempt
        parcel = await anyio.to_thread.run_sync(attempt.pack)
        if place.interpreter != job.interpreter:
            await place.let_go()
            place.interpreter = job.interpreter
        member = place.member or await self._start(place)
        outcome = await member.carry_out(
            Work(parcel), job.begun, partial(self._said, job), attempt.context.progress
        )
        if outcome.used_folder:
            attempt.context.used_workdir()
        if outcome.dropped:
            self._context.lines(attempt.context, (), outcome.dropped)
        if outcome.artifacts or outcome.files:
            await anyio.to_thread.run_sync(take_back, outcome, self._context.artifacts)
        return msgspec.structs.replace(outcome.result, id=attempt.id)

    async def _start(self, place: _Place) -> Member:
        try:
            env, command = environment_of(self._env, place.interpreter), program(place.interpreter)
            member = Member(self._groups, env, command, partial(self._printed, place))
        except OSError as error:
            raise WorkerDied(f"a worker process cannot be started: {error.strerror}") from error
        place.member = member
        place.readers.start_soon(member.read_output, name="output of a worker process")
        secrets = self._context.secrets.parts()
        await member.greet(Hello(secrets, self._context.settings.limits.log_lines))
        return member

    def _said(self, job: _Job, lines: tuple[LogLine, ...]) -> None:
        self._context.lines(job.attempt.context, lines, 0)

    def _printed(self, place: _Place, text: str) -> None:
        if place.job is not None:
            self._said(place.job, (LogLine(self._context.now(), "PRINT", text),))
        elif text:
            self._context.log.info("a worker process without a task says: %s", text)


class _Job:
    """One attempt that is there. `scope` ends it; its deadline is set when the body begins."""

    __slots__ = ("attempt", "cancelled", "interpreter", "scope", "started_at")

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.cancelled = False
        self.interpreter: Interpreter | None = None
        self.scope: anyio.CancelScope | None = None
        self.started_at = 0

    def cancel(self) -> None:
        self.cancelled = True
        if self.scope is not None:
            self.scope.cancel()

    def begun(self, at: int) -> None:
        self.started_at = at
        if self.attempt.timeout is not None and self.scope is not None:
            self.scope.deadline = anyio.current_time() + self.attempt.timeout


class _Place:
    """Room for one worker, and for the attempt that it carries out. `interpreter` is the
    worker's, None: the daemon's own."""

    __slots__ = ("called", "interpreter", "job", "member", "readers")

    def __init__(self, readers: TaskGroup) -> None:
        self.readers = readers
        self.job: _Job | None = None
        self.member: Member | None = None
        self.interpreter: Interpreter | None = None
        self.called = anyio.Event()

    def give(self, job: _Job) -> None:
        self.job = job
        self.called.set()

    def free(self) -> None:
        self.job = None
        self.called = anyio.Event()

    async def let_go(self) -> None:
        """End the worker, if there is one."""
        if self.member is not None:
            await self.member.close()
            self.member = None


def environment_of(env: Mapping[str, str], interpreter: Interpreter | None) -> Mapping[str, str]:
    """The variables of a worker; what it starts finds the programs of its environment first."""
    if interpreter is None:
        return env
    path = os.pathsep.join([str(interpreter.python.parent), env.get("PATH", os.defpath)])
    return {**env, "PATH": path, "VIRTUAL_ENV": str(interpreter.folder)}


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_environment(environ: Mapping[str, str], processes: int) -> dict[str, str]:
    """The variables of a worker: numeric libraries share the cores, unless told otherwise."""
    share = str(max(1, cores() // processes))
    return {**dict.fromkeys(THREAD_VARIABLES, share), **environ}
