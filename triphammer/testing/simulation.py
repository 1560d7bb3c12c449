"""`simulate`: a whole daemon's worth of flows in memory, moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec

from triphammer.config.durations import DurationLike, seconds
from triphammer.config.patterns import compile_pattern
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.flows.codec import decode
from triphammer.flows.definition import definition_of
from triphammer.flows.flow import Flow
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import ErrorInfo, OutMessage, TaskRow
from triphammer.sensors.event import Event
from triphammer.service.dispatcher.explain import filtered
from triphammer.service.local import Local, inline_executors, start_sensors, with_local
from triphammer.service.store.backfills import Only, Order, Tick
from triphammer.service.store.contract import Page, RunRow
from triphammer.testing.overrides import Overrides, overridden
from triphammer.testing.virtual_loop import VirtualLoop

T = TypeVar("T")
START = datetime(2026, 1, 1, tzinfo=UTC)


class SimulatedTask:
    """One task of a simulated run, as it stands."""

    def __init__(self, row: TaskRow, result: Any) -> None:
        self.name = row.name
        self.state = row.state
        self.attempt = row.attempt
        self.error: ErrorInfo | None = row.error
        self.result = result


class SimulatedMessage:
    """An outgoing message: what would have been sent."""

    def __init__(self, message: OutMessage) -> None:
        self.id = message.id
        self.target = message.target
        self.key = message.key
        self.headers = message.headers
        self.body = message.body

    @property
    def value(self) -> Any:
        """The body as JSON."""
        return None if self.body is None else msgspec.json.decode(self.body)


class SimulatedRun:
    """One run; every attribute is read as it stands now."""

    def __init__(self, sim: Simulation, id: str) -> None:
        self._sim = sim
        self.id = id

    @property
    def row(self) -> RunRow:
        """The stored row."""
        row = self._sim.call(self._sim.local.store.run(self.id))
        assert row is not None
        return row

    @property
    def state(self) -> str:
        """The run's state: queued, running, succeeded, ..."""
        return self.row.state

    @property
    def error(self) -> ErrorInfo | None:
        """Why it failed."""
        return self.row.error

    @property
    def result(self) -> Any:
        """What the flow's body returned."""
        return self._sim.decoded(self.row.result)

    def tasks(self) -> Mapping[str, SimulatedTask]:
        """All tasks and map items by name."""
        rows = self._sim.call(self._sim.local.store.tasks(self.id))
        return {row.name: SimulatedTask(row, self._sim.decoded(row.result)) for row in rows}

    def task(self, name: str) -> SimulatedTask:
        """One task or map item (`enrich[3]`). Raises KeyError naming those there are."""
        tasks = self.tasks()
        if name not in tasks:
            raise KeyError(f"no task {name!r} has been journaled; there are {sorted(tasks)}")
        return tasks[name]


class SimulatedBackfill:
    """One backfill; every attribute is read as it stands now."""

    def __init__(self, sim: Simulation, id: str) -> None:
        self._sim = sim
        self.id = id

    @property
    def state(self) -> str:
        """running, succeeded, failed or cancelled."""
        return self._sim.call(self._sim.local.core.backfills.row(self.id)).state

    @property
    def ticks(self) -> Sequence[Tick]:
        """Its ticks in order."""
        return self._sim.call(self._sim.local.store.ticks(self.id, limit=100_000))


class VirtualClock:
    """Wall time that moves with the loop's virtual time."""

    reread = inf

    def __init__(self, loop: VirtualLoop, start: datetime) -> None:
        self._loop = loop
        self._start = int(start.timestamp() * 1_000_000)

    def now(self) -> int:
        """Microseconds since 1970 UTC."""
        return self._start + round(self._loop.time() * 1e6)

    async def wait_until(self, due: int) -> None:
        """Return once `now() >= due`."""
        while (left := due - self.now()) > 0:  # noqa: ASYNC110 - time itself is waited for
            await asyncio.sleep(left / 1e6)


class Simulation:
    """Flows in memory. Nothing happens but within `emit`, `start` and `advance`."""

    def __init__(
        self,
        flows: Sequence[Flow[..., Any]],
        *,
        secrets: Mapping[str, str],
        connections: Mapping[str, Mapping[str, Any]],
        pools: Mapping[str, int],
        start: datetime,
        overrides: Overrides,
    ) -> None:
        self._flows: dict[str, FlowDef] = {}
        for flow in flows:
            self._flows[flow.name] = overridden(definition_of(flow), overrides)
        self._secrets = Secrets(values=secrets, connections=connections)
        self._settings = Settings(pools=dict(pools))
        self._loop = VirtualLoop()
        self._clock = VirtualClock(self._loop, start)
        self._done = asyncio.Event()
        self._main: asyncio.Task[None] | None = None
        self._local: Local | None = None

    def __enter__(self) -> Simulation:
        self._main = self._loop.create_task(self._serve())
        self._loop.run_for(0)
        if self._local is None:
            self._main.result()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._main is not None
        self._done.set()
        self._loop.run_for(0)
        main, self._main = self._main, None
        try:
            if main.done():
                main.result()
            else:
                main.cancel()
                self._loop.run_for(1)
        finally:
            self._loop.close()

    async def __aenter__(self) -> Simulation:
        return self.__enter__()

    async def __aexit__(self, *exc: object) -> None:
        self.__exit__(*exc)

    @property
    def local(self) -> Local:
        """The session behind it."""
        if self._local is None:
            raise RuntimeError("use it as `with simulate(...) as sim:`")
        return self._local

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return datetime.fromtimestamp(self._clock.now() / 1e6, UTC)

    def emit(self, event: Event) -> SimulatedRun:
        """Take `event` in and let happen what needs no time; the run that it began.

        Raises LookupError, saying why, when no flow begins a run. Several flows may:
        `emit_all` gives all their runs.
        """
        runs = self.emit_all(event)
        if not runs:
            raise LookupError(f"no flow began a run: {self._why_none(event)}")
        return runs[0]

    def emit_all(self, event: Event) -> Sequence[SimulatedRun]:
        """Take `event` in and let happen what needs no time; the runs that it began."""
        ids = self.call(self.local.emit(self._at_home(event)))
        self._loop.run_for(0)
        return [SimulatedRun(self, id) for id in ids]

    def start(self, flow: Flow[..., Any] | str, **params: Any) -> SimulatedRun:
        """Begin a run by hand."""
        name = flow if isinstance(flow, str) else flow.name
        id = self.call(self.local.start(name, params))
        self._loop.run_for(0)
        return SimulatedRun(self, id)

    def backfill(
        self,
        flow: Flow[..., Any] | str,
        begin: str,
        end: str,
        *,
        order: Order = "oldest",
        only: Only | None = None,
        again: bool = False,
        max_parallel: int = 1,
    ) -> SimulatedBackfill:
        """Make up for the ticks of a flow's timers from `begin` to `end` (ISO 8601 dates, each
        the whole day, or times), and let happen what needs no time."""
        backfills = self.local.core.backfills
        asked = backfills.asked(
            flow if isinstance(flow, str) else flow.name,
            begin,
            end,
            order=order,
            only=only,
            again=again,
            max_parallel=max_parallel,
        )
        row = self.call(backfills.begin(asked))
        self._loop.run_for(0)
        return SimulatedBackfill(self, row.id)

    def advance(self, duration: DurationLike) -> None:
        """Let virtual time pass; what is due meanwhile happens at its time."""
        self._loop.run_for(seconds(duration))
        if self._main is not None and self._main.done():
            self._main.result()

    def runs(self, flow: Flow[..., Any] | str | None = None) -> Sequence[SimulatedRun]:
        """All runs, oldest first, or those of one flow."""
        name = flow.name if isinstance(flow, Flow) else flow
        return [SimulatedRun(self, id) for id in self.call(_run_ids(self.local, name))]

    def published(self, topic: str) -> Sequence[SimulatedMessage]:
        """What was published to a Kafka topic, in order."""
        return self._messages("kafka", topic)

    def sent(self, url: str) -> Sequence[SimulatedMessage]:
        """What was sent to a URL, or to `secret:NAME` for one that a secret holds."""
        return self._messages("webhook", url)

    def _messages(self, kind: str, target: str) -> Sequence[SimulatedMessage]:
        rows = self.call(self.local.store.outbox(limit=100_000))
        found = sorted((r for r in rows if r.message.kind == kind), key=lambda row: row.seq)
        return [SimulatedMessage(r.message) for r in found if r.message.target == target]

    def call(self, awaitable: Coroutine[Any, Any, T]) -> T:
        """The value of something that needs no time."""
        return self._loop.complete(awaitable)

    def decoded(self, stored: Any) -> Any:
        """A stored value."""
        return None if stored is None else decode(stored, Any, self.local.opened.artifacts)

    async def _serve(self) -> None:
        async def hold(local: Local) -> None:
            async with anyio.create_task_group() as group:
                await start_sensors(group, local, self._clock, self._secrets, self._settings)
                self._local = local
                await self._done.wait()
                group.cancel_scope.cancel()

        await with_local(
            self._flows,
            hold,
            clock=self._clock,
            make_executors=inline_executors,
            secrets=self._secrets,
            settings=self._settings,
            root=Path.cwd(),
        )

    def _at_home(self, event: Event) -> Event:
        """A sample file's event comes from wherever the flow watches: files of tests lie in
        folders of their own."""
        if not event.type.startswith("triphammer.file."):
            return event
        for flow in self._flows.values():
            for source in flow.on:
                if source.kind == "files":
                    moved = msgspec.structs.replace(event, source=source.match["source"][0])
                    if compile_pattern(source.match).matches(moved):
                        return moved
        return event

    def _why_none(self, event: Event) -> str:
        catalog = self.local.core.dispatcher.catalog
        reasons = [f"{flow}: {why}" for flow, why in filtered(catalog.body, self._at_home(event))]
        return "; ".join(reasons) or "it came before, or a predicate said no"


async def _run_ids(local: Local, flow: str | None) -> list[str]:
    rows = await local.store.runs(Page(limit=100_000, flow=flow))
    return [row.id for row in reversed(rows)]


def simulate(
    *flows: Flow[..., Any],
    secrets: Mapping[str, str] | None = None,
    connections: Mapping[str, Mapping[str, Any]] | None = None,
    pools: Mapping[str, int] | None = None,
    start: datetime = START,
    overrides: Overrides | None = None,
) -> Simulation:
    """Flows in memory with virtual time that begins at `start`; nothing leaves the process.

    Use it as `with simulate(flow) as sim:` or `async with`. Plain functions run inline,
    timers and `@sensor`s fire as virtual time passes. `overrides` are functions in the place of
    tasks, with the same arguments: `overrides={shell: fake}`. `pools` are slots by name; a pool
    that is not there lets everything through.
    """
    return Simulation(
        flows,
        secrets=secrets or {},
        connections=connections or {},
        pools=pools or {},
        start=start,
        overrides=overrides or {},
    )
