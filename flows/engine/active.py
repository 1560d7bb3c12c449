"""A run in memory, and what one answer of its machine comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from triphammer.flows.context import TaskContext
from triphammer.flows.engine.machine import RunMachine
from triphammer.flows.engine.values import Launch, Step
from triphammer.flows.executors.contract import AttemptId, AttemptResult
from triphammer.flows.journal import Kept, OutMessage, RunChange, StartRequest, TaskRow, Wait
from triphammer.flows.workdir import RunFolder


class Running(msgspec.Struct, frozen=True):
    """An attempt under way: in which executor, since when."""

    id: AttemptId
    executor: str
    since: int
    context: TaskContext

    @property
    def row(self) -> TaskRow:
        """Its row in the journal."""
        return TaskRow(
            name=self.id.task,
            state="running",
            attempt=self.id.attempt,
            started_at=self.since,
            progress=self.context.reached,
        )


class ActiveRun:
    """A run that the engine has. `told`: the state that its row has, "" before it begins.

    `paces` are turns of `rate=`, and breakers, that the next change must make durable. `posts` are
    changes that are not committed yet. `cache_keys` are of tasks with `cache=` the attempt for
    which was looked, and what its result depends on.
    """

    __slots__ = (
        "cache_keys",
        "folder",
        "gone",
        "machine",
        "paces",
        "posts",
        "running",
        "started_at",
        "told",
    )

    def __init__(
        self, machine: RunMachine, folder: RunFolder, started_at: int, *, told: str
    ) -> None:
        self.machine = machine
        self.folder = folder
        self.started_at = started_at
        self.told = told
        self.running: dict[str, Running] = {}
        self.paces: dict[str, bytes | None] = {}
        self.cache_keys: dict[str, tuple[int, str]] = {}
        self.posts = 0
        self.gone = False

    @property
    def rests(self) -> bool:
        """Whether only waits are left of it, and all that is stored."""
        return not self.posts and self.told == "waiting" and self.machine.is_waiting

    def dues(self, now: int) -> Iterator[Wait]:
        """When a run that only waits is to be looked at for its own sake."""
        flow, since = self.machine.start.flow, self.machine.start.started_at or self.started_at
        for kind, limit in (("timeout", flow.timeout), ("deadline", flow.deadline)):
            due = None if limit is None else since + int(limit * 1e6)
            if due is not None and due > now:
                yield Wait(task="", kind=kind, due_at=due)

    def id_of(self, launch: Launch) -> AttemptId:
        """The attempt that a launch is."""
        start = self.machine.start
        return AttemptId(start.id, launch.name, launch.attempt, start.epoch)

    def keyed(self, result: AttemptResult) -> AttemptResult:
        """A result that others may use says what it depends on: one that did nothing else."""
        attempt, key = self.cache_keys.pop(result.id.task, (0, ""))
        made = None if result.value is None else result.value.body.decode("latin-1")
        others = [kept for kept in result.kept if kept.digest != made]
        did = result.outbox or result.starts or result.state_writes or others
        found = result.cached_from is not None or result.error is not None
        if not key or attempt != result.id.attempt or found or did:
            return result
        return msgspec.structs.replace(result, cache_key=key)

    def is_current(self, id: AttemptId) -> bool:
        """The fence: whether this is the attempt under way, of this epoch."""
        known = self.running.get(id.task)
        return known is not None and known.id == id


class Answer:
    """What a batch of happenings comes to for one run: a step, and what joins its change."""

    __slots__ = ("_kept", "_outbox", "_starts", "_writes", "run", "step")

    def __init__(self, run: ActiveRun) -> None:
        self.run = run
        self.step = Step()
        self._outbox: list[OutMessage] = []
        self._starts: list[StartRequest] = []
        self._kept: list[Kept] = []
        self._writes: dict[str, bytes | None] = {}

    def take(self, result: AttemptResult, now: int) -> None:
        """An attempt has ended; what it asked for counts only with its success."""
        self.run.machine.finished(self.run.keyed(result), self.step, now)
        if result.error is not None:
            return
        task = result.id.task
        self._outbox += [msgspec.structs.replace(m, task=task) for m in result.outbox]
        self._starts += result.starts
        self._kept += [msgspec.structs.replace(kept, task=task) for kept in result.kept]
        self._writes.update(result.state_writes)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to store."""
        step = self.step
        return not step.rows and not step.rides and step.ending is None and not self._begins_to_wait

    @property
    def _begins_to_wait(self) -> bool:
        return self.run.told != "waiting" and self.run.machine.is_waiting

    def change(self, now: int) -> RunChange:
        """What is to be stored."""
        run, step, ending = self.run, self.step, self.step.ending
        start = run.machine.start
        first, waits = not run.told, tuple(step.waits)
        if self._begins_to_wait:
            waits += tuple(run.dues(now))
        before, run.told = run.told, "waiting" if run.machine.is_waiting else "running"
        writes, run.paces = {**run.paces, **self._writes}, {}
        return RunChange(
            run=start.id,
            flow=start.flow.name,
            epoch=start.epoch,
            state=ending.state if ending is not None else run.told if run.told != before else None,
            started_at=run.started_at if first else None,
            finished_at=None if ending is None else ending.at,
            result=None if ending is None else ending.result,
            error=None if ending is None else ending.error,
            tasks=(*step.rows, *step.rides),
            failed_attempts=tuple(step.failed_attempts),
            outbox=tuple(self._outbox),
            state_writes=writes,
            starts=tuple(self._starts),
            kept=tuple(self._kept),
            failed_tasks=() if ending is None else ending.failed_tasks,
            waits=waits,
            over=tuple(step.over),
        )


def rows_of(running: Mapping[str, Running]) -> Mapping[str, TaskRow]:
    """The rows of attempts under way, by task."""
    return {name: one.row for name, one in running.items()}


def still_running(run: ActiveRun, begun: Sequence[Running]) -> Sequence[Answer]:
    """Those of `begun` that still run, to be journaled; nobody waits for it."""
    if run.gone or run.machine.ended:
        return ()
    answer = Answer(run)
    answer.step.rides += [one.row for one in begun if run.running.get(one.id.task) is one]
    return () if answer.empty else (answer,)


def advanced(runs: Mapping[str, ActiveRun], contexts: Sequence[TaskContext]) -> Sequence[Answer]:
    """How far attempts say that they are, to be journaled; nobody waits for it."""
    answers: dict[str, Answer] = {}
    for context in contexts:
        run = runs.get(context.run)
        one = None if run is None else run.running.get(context.task)
        if run is None or one is None or one.context is not context or run.machine.ended:
            continue
        answers.setdefault(context.run, Answer(run)).step.rides.append(one.row)
    return list(answers.values())
