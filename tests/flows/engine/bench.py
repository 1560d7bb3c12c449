"""An engine at work in virtual time: inline executor, a journal in memory, trio's own clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
from anyio.abc import TaskStatus

from tests.flows.support import MemoryArtifacts, an_event
from triphammer.config.clock import Clock
from triphammer.config.secrets import Secrets
from triphammer.flows.definition import definition_of
from triphammer.flows.engine.engine import Engine, RunEnd, RunStart
from triphammer.flows.executors.contract import Executor
from triphammer.flows.executors.inline import InlineExecutor
from triphammer.flows.flow import Flow
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import Encoded, Posted, RunChange, TaskRow, Wait, WaitAnswer


class LoopClock:
    """The running loop's time as wall time."""

    reread = math.inf

    def now(self) -> int:
        return int(anyio.current_time() * 1e6)

    async def wait_until(self, due: int) -> None:
        while (left := due - self.now()) > 0:  # noqa: ASYNC110 - the time itself is waited for
            await anyio.sleep(left / 1e6)


class MemoryJournal:
    """Commits in order, soon after the post; while `held` is set, not before `let_go`."""

    def __init__(self) -> None:
        self.changes: list[RunChange] = []
        self.states: dict[str, dict[str, bytes]] = {}
        self.refuse: Callable[[RunChange], Posted | None] = lambda _change: None
        self.committed: Callable[[], None] = lambda: None
        self._posts: deque[tuple[Sequence[RunChange], Callable[[Sequence[Posted]], None]]] = deque()
        self._work = anyio.Event()
        self._gate = anyio.Event()
        self._gate.set()

    @property
    def is_dead(self) -> bool:
        """Whether whatever is posted is lost."""
        return False

    def hold(self) -> None:
        self._gate = anyio.Event()

    def let_go(self) -> None:
        self._gate.set()

    def state(self, flow: str) -> Mapping[str, bytes]:
        return self.states.get(flow, {})

    def post(self, changes: Sequence[RunChange], done: Callable[[Sequence[Posted]], None]) -> None:
        self._posts.append((changes, done))
        self._work.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        while True:
            await self._work.wait()
            self._work = anyio.Event()
            while self._posts:
                await self._gate.wait()
                changes, done = self._posts.popleft()
                done([self._commit(change) for change in changes])
                self.committed()
                await anyio.lowlevel.checkpoint()

    def _commit(self, change: RunChange) -> Posted:
        refused = self.refuse(change)
        if refused is not None:
            return refused
        self.changes.append(change)
        mapping = self.states.setdefault(change.flow, {})
        for key, value in change.state_writes.items():
            if value is None:
                mapping.pop(key, None)
            else:
                mapping[key] = value
        return Posted(change)

    def open_waits(self, run: str) -> dict[str, Wait]:
        """What a run waits for, the run as a whole included."""
        waits: dict[str, Wait] = {}
        for change in self.changes:
            if change.run == run:
                waits |= {wait.task or wait.kind: wait for wait in change.waits}
                for task in change.over:
                    waits.pop(task, None)
                if change.state not in (None, "running", "waiting"):
                    waits.clear()
        return waits

    def rows(self, run: str) -> dict[str, TaskRow]:
        """The task rows of a run as they stand."""
        return {row.name: row for c in self.changes if c.run == run for row in c.tasks}

    def states_of(self, run: str) -> dict[str, str]:
        return {name: row.state for name, row in self.rows(run).items()}

    def history(self) -> list[tuple[str, str]]:
        """All rows in order of commit: task and state."""
        return [(row.name, row.state) for change in self.changes for row in change.tasks]


class Ran:
    """A run that has ended."""

    def __init__(self, change: RunChange, rows: Mapping[str, TaskRow]) -> None:
        self.state = change.state
        self.error = change.error
        self.failed_tasks = change.failed_tasks
        self.rows = rows
        self.states = {name: row.state for name, row in rows.items()}
        self.result = None if change.result is None else value_of(change.result)

    def value(self, task: str) -> Any:
        """The result of a task."""
        result = self.rows[task].result
        return None if result is None else value_of(result)

    def named(self, state: str) -> set[str]:
        """The tasks in this state."""
        return {name for name, one in self.states.items() if one == state}


def value_of(encoded: Encoded) -> Any:
    return msgspec.json.decode(encoded.body)


def answer_to(wait: Wait) -> WaitAnswer | None:
    """What answers a wait by itself: an event of the type "soon", "yes" and "no"."""
    if wait.kind == "wait_for" and (wait.pattern or {}).get("type") == ["soon"]:
        return WaitAnswer("event", Encoded("json", b'{"data":{"n":4}}'))
    if wait.kind == "approve" and wait.title == "yes":
        return WaitAnswer("approved", Encoded("json", b'{"by":"ann","form":{"n":5}}'), "ann")
    return WaitAnswer("rejected", by="bob") if wait.kind == "approve" else None


class Shop:
    """An engine with all that it needs."""

    def __init__(self, engine: Engine, journal: MemoryJournal, ends: dict[str, RunEnd]) -> None:
        self.engine = engine
        self.journal = journal
        self.ends = ends
        self.errors: list[Exception] = []
        self.executors: Mapping[str, Executor] = {}
        self.clock: Clock = LoopClock()
        self.parked: set[str] = set()
        self._starts: dict[str, RunStart] = {}
        self._ended = anyio.Event()
        self._slept: set[tuple[str, str, int]] = set()

    def begin(
        self,
        flow: Flow[..., Any],
        run: str = "run_1",
        *,
        tasks: Sequence[TaskRow] = (),
        epoch: int = 0,
        event: Any = None,
        **params: Any,
    ) -> None:
        """Begin a run of `flow`, or go on with one that has rows."""
        self.begin_defined(
            definition_of(flow), run, tasks=tasks, epoch=epoch, event=event, **params
        )

    def begin_defined(
        self,
        flow: FlowDef,
        run: str = "run_1",
        *,
        tasks: Sequence[TaskRow] = (),
        epoch: int = 0,
        event: Any = None,
        **params: Any,
    ) -> None:
        """The same of a flow at some version."""
        start = RunStart(
            id=run,
            epoch=epoch,
            flow=flow,
            event=an_event({}) if event is None else event,
            params=params,
            created_at=0,
            started_at=0 if tasks else None,
            tasks=tuple(tasks),
        )
        self._starts[run] = start
        self.engine.start([start])

    async def keep_time(self) -> None:
        """Answer each wait once its time is over, or as `answer_to` says, until cancelled."""
        while True:
            dues: list[tuple[int, str, str]] = []
            for run in self._starts:
                for task, wait in self.journal.open_waits(run).items():
                    due = 0 if answer_to(wait) else wait.due_at
                    if due is not None and (run, task, due) not in self._slept:
                        dues.append((due, run, task))
            with anyio.CancelScope() as self._asleep:
                if not dues:
                    await anyio.sleep_forever()
                due, run, task = min(dues)
                await self.clock.wait_until(due)
                self._slept.add((run, task, due))
                wait = self.journal.open_waits(run)[task]
                self.answer(run, task, answer_to(wait) or WaitAnswer("time"))

    def committed(self) -> None:
        """There may be new waits."""
        self._asleep.cancel()

    def answer(self, run: str, task: str, answer: WaitAnswer) -> None:
        """A wait is over: the run that waits goes on, in the engine or out of its rows.

        Where the store has died nobody hears of it: the engine has let its runs go.
        """
        if self.journal.is_dead:
            return
        if run not in self.ends and not self.engine.answered(run, {task: answer}):
            self.wake(run, {task: answer})

    def wake(
        self, run: str, answers: Mapping[str, WaitAnswer] | None = None, *, cancel: str = ""
    ) -> None:
        """Go on with a run of which only rows are there."""
        assert run in self.parked
        self.parked.discard(run)
        begun = next(c.started_at for c in self.journal.changes if c.run == run)
        again = msgspec.structs.replace(
            self._starts[run],
            started_at=begun,
            tasks=tuple(self.journal.rows(run).values()),
            answers=answers or {},
            state="waiting",
            cancel=cancel,
        )
        self.engine.start([again])

    def cancel(self, run: str, reason: str) -> None:
        """End a run, wherever it is."""
        if not self.engine.cancel(run, reason) and run in self.parked:
            self.wake(run, cancel=reason)

    def ended(self, end: RunEnd) -> None:
        if end.state == "waiting":
            self.parked.add(end.run)
            return
        self.ends[end.run] = end
        self._ended.set()
        self._ended = anyio.Event()

    async def wait_ended(self, run: str) -> None:
        """Return once the engine has let the run go."""
        while run not in self.ends:
            await self._ended.wait()

    async def ran(self, flow: Flow[..., Any], **params: Any) -> Ran:
        """A run of `flow` from its beginning to its end."""
        self.begin(flow, **params)
        change = await self.end()
        return Ran(change, self.journal.rows("run_1"))

    async def end(self, run: str = "run_1") -> RunChange:
        """The last change of a run, once it has ended."""
        await self.wait_ended(run)
        return [change for change in self.journal.changes if change.run == run][-1]


@asynccontextmanager
async def shop(
    tmp_path: Path,
    *,
    journal: MemoryJournal | None = None,
    executors: Mapping[str, Executor] | None = None,
    secrets: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> AsyncGenerator[Shop]:
    """An engine that runs while the context is open."""
    clock, journal = clock or LoopClock(), journal or MemoryJournal()
    open_shop: list[Shop] = []
    engine = Engine(
        journal=journal,
        clock=clock,
        secrets=Secrets(values=secrets or {}),
        artifacts=MemoryArtifacts(),
        workdir=tmp_path,
        random=Random(1),
        on_end=lambda end: open_shop[0].ended(end),
        on_store_error=lambda error: open_shop[0].errors.append(error),
    )
    open_shop.append(Shop(engine, journal, {}))
    inline = InlineExecutor(clock.now)
    open_shop[0].clock = clock
    journal.committed = open_shop[0].committed
    used = executors or {"async": inline, "thread": inline}
    engine.use(used)
    open_shop[0].executors = used
    async with anyio.create_task_group() as group:
        await group.start(journal.run)
        await group.start(engine.run)
        group.start_soon(open_shop[0].keep_time)
        for executor in {id(e): e for e in used.values()}.values():
            await group.start(executor.run)
        yield open_shop[0]
        group.cancel_scope.cancel()
