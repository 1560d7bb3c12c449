"""A daemon's dispatcher, engine and store in virtual time: it crashes and begins again on what
its database holds, and its tasks end when they are told to."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, ClassVar, TypeVar

import anyio
from anyio.abc import TaskStatus
from anyio.lowlevel import cancel_shielded_checkpoint

from triphammer.config.secrets import Secrets
from triphammer.config.settings import Limits, Settings
from triphammer.flows.executors.contract import Attempt, AttemptId, Report
from triphammer.flows.executors.outcome import cancellation, failure, success
from triphammer.flows.graph import FlowDef
from triphammer.service.dispatcher.redrive import Redrive
from triphammer.service.dispatcher.underway import Underway, blamed
from triphammer.service.health import Health
from triphammer.service.operations import Operations
from triphammer.service.parts import Core, Edges
from triphammer.service.retention import Sweeper
from triphammer.service.store.artifacts import MemoryArtifacts
from triphammer.service.store.logs import LogStore
from triphammer.service.store.sqlite.connection import InlineConnection
from triphammer.service.store.sqlite.migrations import migrate
from triphammer.service.store.sqlite.readers import Readers
from triphammer.service.store.sqlite.store import SqliteStore
from triphammer.service.store.sqlite.writer import Writer
from triphammer.service.supervisor import Supervisor
from triphammer.testing.clock import VirtualClock
from triphammer.testing.preparing import START
from triphammer.testing.virtual_loop import VirtualLoop

T = TypeVar("T")
ACTIVE_RUNS = 5
QUEUED_RUNS = 20
SETTLING = 0.002
"""Seconds that a start takes."""
QUIET = logging.getLogger("test.quiet")
QUIET.setLevel(logging.CRITICAL)


class Off(sqlite3.Error):
    """The process is gone: nobody learns what became of a call."""


class Disk:
    """A connection to the database. Each call takes as long as `latency` says, before and
    after its effect; once it is `off` there is no effect any more, and no answer."""

    def __init__(self, raw: sqlite3.Connection, latency: Callable[[], float]) -> None:
        self._raw = raw
        self._latency = latency
        self.off = False

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """The function's value."""
        await self._take_time()
        value = function(self._raw)
        await self._take_time()
        return value

    async def _take_time(self) -> None:
        await cancel_shielded_checkpoint()
        seconds = self._latency()
        if seconds:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(seconds)
        if self.off:
            raise Off


class Desk:
    """The executor: attempts lie here open until somebody ends them."""

    name: ClassVar[str] = "desk"

    def __init__(
        self, now: Callable[[], int], loop: VirtualLoop, begun: Callable[[Attempt], None]
    ) -> None:
        self._now = now
        self._loop = loop
        self._begun = begun
        self._report: Report | None = None
        self.open: dict[AttemptId, Attempt] = {}
        self.dead = False

    @property
    def running(self) -> int:
        return len(self.open)

    def bind(self, report: Report) -> None:
        self._report = report

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()
        await anyio.sleep_forever()

    def submit(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            if not self.dead:
                self._begun(attempt)
                self.open[attempt.id] = attempt

    def cancel(self, attempt: AttemptId) -> None:
        found = self.open.pop(attempt, None)
        if found is not None and self._report is not None:
            result = cancellation(found, self._now(), self._now())
            self._loop.call_soon(self._report, [result])

    def end(self, id: AttemptId, *, well: bool) -> None:
        """The attempt's body returns, or raises."""
        attempt, now = self.open.pop(id, None), self._now()
        if attempt is None or self._report is None:
            return  # it was cancelled meanwhile
        if well:
            result = success(attempt, now, now, attempt.encode(attempt.body()))
        else:
            result = failure(attempt, now, now, RuntimeError("told to fail"))
        self._report([result])


@dataclass
class Life:
    """A daemon between its start and its crash."""

    core: Core
    desk: Desk
    disk: Disk
    operations: Operations
    redrive: Redrive
    underway: dict[int, bytes]
    main: asyncio.Task[None]
    serves: bool = False
    """Its doors are open: operators can ask for something."""


class World:
    """Lives one after the other on one database. `begun` is told of each attempt."""

    def __init__(
        self,
        generations: Sequence[Mapping[str, FlowDef]],
        *,
        seed: int,
        latency: Callable[[], float] = lambda: 0.0,
        begun: Callable[[Attempt], None] = lambda _: None,
    ) -> None:
        self.generations = generations
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop.time, START)
        self.raw = sqlite3.connect(":memory:", isolation_level=None)
        migrate(self.raw, name="the model's store")
        self._seed = seed
        self._latency = latency
        self._begun = begun
        self.lives = 0
        self.generation = self.files = 0
        self.errors: list[BaseException] = []
        self.loop.set_exception_handler(self._went_wrong)

    # --- lives ------------------------------------------------------------------------------

    def begin(self, left: Sequence[str] = ()) -> None:
        """Start a daemon; `left` were under way when the last one crashed."""
        self.lives += 1
        self.generation = self.files
        disk = Disk(self.raw, self._latency)
        desk = Desk(self.clock.now, self.loop, self._watched)
        slots: dict[int, bytes] = {}
        underway = Underway(
            lambda text, at: slots.update({at: text}), 100, tuple(left), self.clock.now
        )
        store = SqliteStore(Writer(disk, lambda _: None), Readers([disk, disk]))
        core = self._core(store, desk, underway)
        main = self.loop.spawn(self._serve(core, store))
        operations = self._operations(core)
        redrive = Redrive(
            store=store,
            library=core.library,
            starter=core.starter,
            clock=self.clock,
            hub=core.hub,
        )
        self.life = Life(core, desk, disk, operations, redrive, slots, main)

    def crash(self) -> Sequence[str]:
        """Kill the daemon; the runs that are to blame, if any is."""
        life = self.life
        table = b"".join(text for _, text in sorted(life.underway.items()))
        life.disk.off = life.desk.dead = True
        life.main.cancel()
        self.loop.run_for(0)
        while not life.main.done():  # somebody is waiting for the disk
            self.loop.run_for(0.001)
        if not life.main.cancelled():
            life.main.exception()  # it was asked for
        return sorted(blamed(table, fatal=True))

    def close(self) -> None:
        """End everything."""
        self.crash()
        self.loop.close()
        self.raw.close()

    async def _serve(self, core: Core, store: SqliteStore) -> None:
        async with anyio.create_task_group() as group:
            await group.start(store.run_writer)
            await group.start(core.engine.run)
            await core.put_into_service(self.generations[self.generation])
            await core.recover()
            await anyio.sleep(SETTLING / 2)  # what was given up at once has its consequences
            await group.start(core.starter.run)
            core.dispatcher.open()
            self.life.serves = True

    def _core(self, store: SqliteStore, desk: Desk, underway: Underway) -> Core:
        edges = Edges(
            store=store,
            artifacts=MemoryArtifacts(),
            clock=self.clock,
            executors={"async": desk, "thread": desk},
            secrets=Secrets(),
            random=Random(f"{self._seed} {self.lives}"),
            root=Path("/model"),
            workdir=Path("/model/work"),
            owner=f"life {self.lives}",
            notify=lambda _: None,
            on_store_error=lambda _: None,
            underway=underway,
            deliveries=False,
        )
        limits = Limits(active_runs=ACTIVE_RUNS, queued_runs=QUEUED_RUNS)
        return Core(edges, Settings(limits=limits), QUIET)

    def _operations(self, core: Core) -> Operations:
        disk = InlineConnection(self.raw)
        sweeper = Sweeper(
            store=core.edges.store,
            logs=LogStore(disk, lambda _: None),
            artifacts=MemoryArtifacts(),
            workdir=core.edges.workdir,
            settings=Settings().retention,
            clock=self.clock,
            log=QUIET,
        )
        supervisor = Supervisor(
            make_context=partial(_no_sensor),
            health=Health(self.clock.now),
            random=Random(0),
            log=QUIET,
        )
        return Operations(
            store=core.edges.store,
            library=core.library,
            dispatcher=core.dispatcher,
            starter=core.starter,
            admission=core.admission,
            engine=core.engine,
            supervisor=supervisor,
            clock=self.clock,
            hub=core.hub,
            sweeper=sweeper,
            retry=core.retry,
            marking=core.marking,
            approvals=core.approvals,
        )

    # --- what is done to it -----------------------------------------------------------------

    def spawn(self, what: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Let something happen beside everything else."""
        return self.loop.spawn(what)

    def call(self, what: Coroutine[Any, Any, T]) -> T:
        """The value of something that needs no time, and all that comes of it."""
        value = self.loop.complete(what)
        self.settle()
        return value

    def end(self, attempt: AttemptId, *, well: bool) -> None:
        """An attempt's body returns, or raises."""
        self.loop.call_soon(partial(self.life.desk.end, attempt, well=well))
        self.settle()

    def settle(self, seconds: float = 0.0) -> None:
        """Let everything happen that happens within so many seconds."""
        self.loop.run_for(seconds)
        if self.errors:
            raise self.errors[0]
        if self.life.main.done() and not self.life.main.cancelled():
            self.life.main.result()

    async def reload(self, generation: int) -> None:
        """Put the flows of this generation into service."""
        self.files = generation
        await self.life.core.put_into_service(self.generations[generation])
        self.generation = generation

    def _went_wrong(self, _: object, context: dict[str, Any]) -> None:
        self.errors.append(context.get("exception") or RuntimeError(context["message"]))

    def _watched(self, attempt: Attempt) -> None:
        """Whoever called the executor must not swallow what is wrong with it."""
        try:
            self._begun(attempt)
        except AssertionError as error:
            self.errors.append(error)
            raise

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """What the database holds, asked directly."""
        return self.raw.execute(sql, values).fetchall()


def _no_sensor(*_: Any) -> Any:
    raise AssertionError("no flow of the model has a sensor")
