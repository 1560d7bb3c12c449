"""`simulate`: a whole daemon's worth of flows in memory, moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from triphammer.config.durations import DurationLike, seconds
from triphammer.config.patterns import compile_pattern
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.flows.codec import decode
from triphammer.flows.flow import Flow
from triphammer.flows.graph import FlowDef
from triphammer.sensors.contract import Emission
from triphammer.sensors.event import Event
from triphammer.sensors.files.options import resolved
from triphammer.sensors.kafka.options import ValueKind
from triphammer.sensors.webhook.verify import Named, Verify
from triphammer.service.dispatcher.explain import filtered
from triphammer.service.dispatcher.marking import TaskMark
from triphammer.service.dispatcher.retry import Asked
from triphammer.service.local import Local
from triphammer.service.operations import Operations
from triphammer.service.store.backfills import Only, Order
from triphammer.service.store.contract import Page
from triphammer.testing.clock import VirtualClock
from triphammer.testing.daemon import SimulatedDaemon
from triphammer.testing.hook import Hook
from triphammer.testing.inbox import Inbox
from triphammer.testing.outside import Outside
from triphammer.testing.patience import Patience
from triphammer.testing.receiver import Receiver
from triphammer.testing.results import (
    MANY,
    SimulatedBackfill,
    SimulatedMessage,
    SimulatedRun,
    messages_to,
    runs_of,
)
from triphammer.testing.script import Fault, Script
from triphammer.testing.topic import Topic
from triphammer.testing.trace import trace_of
from triphammer.testing.virtual_loop import VirtualLoop

T = TypeVar("T")
OPEN = ("queued", "running", "waiting")


class Simulation:
    """Flows in memory. Nothing happens but within `emit`, `start`, `advance` and what puts
    something in; `clock` stands still meanwhile."""

    def __init__(
        self,
        flows: Mapping[str, FlowDef],
        *,
        secrets: Secrets,
        settings: Settings,
        start: datetime,
        root: Path,
        seed: int,
        patience: float,
    ) -> None:
        self.secrets = secrets
        self._turning: VirtualLoop | None = None
        self._patience = patience
        self._open_until = ExitStack()
        self.clock = VirtualClock(self._seconds, start)
        self.outside = Outside(self.clock, secrets)
        self._script = Script()
        self._daemon = SimulatedDaemon(
            flows,
            clock=self.clock,
            secrets=secrets,
            settings=settings,
            root=root,
            seed=seed,
            script=self._script,
            outside=self.outside,
        )
        self._inboxes: dict[str, Inbox] = {}
        self._topics: dict[str, Topic] = {}
        self._main: asyncio.Task[None] | None = None

    def __enter__(self) -> Simulation:
        self._turning = VirtualLoop()
        watch = Patience(self._turning, self._patience).watching()
        self._open_until.enter_context(watch)
        self._main = self._loop.spawn(self._daemon.run())
        self._loop.run_for(0)
        if self._daemon.local is None:
            self.__exit__()
        self.outside.arrive = self._arrive
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._main is not None
        self._daemon.stop()
        self._loop.run_for(0)
        main, self._main = self._main, None
        try:
            if main.done():
                main.result()
        finally:
            self._loop.close_all()
            self._open_until.close()

    async def __aenter__(self) -> Simulation:
        return self.__enter__()

    async def __aexit__(self, *exc: object) -> None:
        self.__exit__(*exc)

    # --- what happens -------------------------------------------------------------------

    def emit(self, event: Event) -> SimulatedRun:
        """Take `event` in and let happen what needs no time; the run that it began.

        Raises LookupError, saying why, when no flow begins a run. Several flows may:
        `emit_all` gives all their runs.
        """
        runs = self.emit_all(event)
        if not runs:
            reasons = "; ".join(f"{flow}: {why}" for flow, why in self.why(event).items())
            raise LookupError(f"no flow began a run: {reasons or 'it came before'}")
        return runs[0]

    def emit_all(self, event: Event) -> Sequence[SimulatedRun]:
        """Take `event` in and let happen what needs no time; the runs that it began."""
        return runs_of(self, self.local.emit(self._at_home(event)))

    def start(self, flow: Flow[..., Any] | str, **params: Any) -> SimulatedRun:
        """Begin a run by hand."""
        id = self.call(self.local.start(_name(flow), params))
        self.settle()
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
            _name(flow),
            begin,
            end,
            order=order,
            only=only,
            again=again,
            max_parallel=max_parallel,
        )
        row = self.call(backfills.begin(asked))
        self.settle()
        return SimulatedBackfill(self, row.id)

    def advance(self, duration: DurationLike) -> None:
        """Let virtual time pass; what is due meanwhile happens at its time."""
        self._pass(seconds(duration))

    def advance_to(self, moment: datetime) -> None:
        """Let virtual time pass until `moment`. Raises ValueError when that is over."""
        left = (moment - self.now).total_seconds()
        if left < 0:
            raise ValueError(f"it is {self.now} already, later than {moment}")
        self._pass(left)

    def run_until_idle(self, limit: DurationLike = "365d") -> None:
        """Let time pass, from one thing that is due to the next, until every run has ended.

        Raises TimeoutError naming the runs that have not ended after `limit`.
        """
        end = self._loop.time() + seconds(limit)
        self.settle()
        while still := self._open():
            due = self._loop.next_due()
            if due > end:
                names = ", ".join(f"{run.flow} ({run.state})" for run in still)
                raise TimeoutError(f"these runs have not ended after {limit}: {names}")
            self._pass(max(0.0, due - self._loop.time()))

    def restart(self, down: DurationLike = 0) -> None:
        """Kill the daemon in the middle of what it does, and start it `down` later.

        What is journaled stays; everything else is lost, as after `kill -9`.
        """
        self._daemon.kill()
        self._pass(seconds(down))
        self._daemon.revive()
        self.settle()

    def pause(self, flow: Flow[..., Any] | str) -> None:
        """Begin no more runs of a flow: they wait."""
        self.call(self.operations.pause(_name(flow)))

    def resume(self, flow: Flow[..., Any] | str) -> None:
        """Begin runs of a flow again, those that wait first."""
        self.call(self.operations.resume(_name(flow)))
        self.settle()

    def cancel(self, run: SimulatedRun, *, now: bool = False) -> None:
        """End a run that is queued or under way, and with `now` its teardowns too. Raises
        StateForbids when it has ended."""
        self.call(self.operations.cancel(run.id, now=now))
        self.settle()

    def mark(self, run: SimulatedRun, task: str, state: TaskMark, result: Any = None) -> None:
        """Let a task count as succeeded, failed or skipped, as `triphammer mark` does."""
        asked = Asked(by="test")
        self.call(self.operations.mark_task(run.id, task, state, asked, result=result))
        self.settle()

    def approve(
        self,
        run: SimulatedRun,
        task: str | None = None,
        *,
        form: Mapping[str, Any] | None = None,
        by: str = "test",
        reason: str = "",
    ) -> None:
        """Approve what a run asks for (the one task that does), as `triphammer approve` does.

        Raises `FormMisfit`, and StateForbids where nothing is asked (any more).
        """
        self._answer(run, task, form, by, reason, approved=True)

    def reject(
        self,
        run: SimulatedRun,
        task: str | None = None,
        *,
        by: str = "test",
        reason: str = "",
    ) -> None:
        """Reject what a run asks for."""
        self._answer(run, task, None, by, reason, approved=False)

    def _answer(
        self,
        run: SimulatedRun,
        task: str | None,
        form: Mapping[str, Any] | None,
        by: str,
        reason: str,
        *,
        approved: bool,
    ) -> None:
        answer = self.operations.answer(
            run.id, task, Asked(by=by), approved=approved, form=form, reason=reason
        )
        self.call(answer)
        self.settle()

    def retry(
        self, run: SimulatedRun, since: str | None = None, *, failed_only: bool = False
    ) -> None:
        """Let a run that has ended begin again, as `triphammer retry` does: whole, from a task on,
        or only what failed. Raises what the command says."""
        asked = Asked(by="test")
        self.call(self.operations.retry(run.id, asked, since=since, failed_only=failed_only))
        self.settle()

    def fail(
        self,
        task: str,
        times: int | None = 1,
        *,
        error: BaseException | None = None,
        flow: Flow[..., Any] | str | None = None,
    ) -> None:
        """The next `times` attempts of a task (or of the items of a map) fail with `error`,
        before its function is called; None: all of them."""
        name = None if flow is None else _name(flow)
        wanted = error or RuntimeError(f"{task} fails: the test wants it so")
        self._script.faults.append(Fault(task, name, times, wanted))

    # --- the world outside --------------------------------------------------------------

    def inbox(self, dir: str) -> Inbox:
        """The folder that flows watch by `files(dir, ...)`. Raises LookupError."""
        if dir not in self._inboxes:
            spec = self._daemon.specs.get(f"files:{dir}")
            if spec is None:
                raise LookupError(f"no flow watches {dir!r}; watched are {self._named('files')}")
            assert self._daemon.work is not None
            home = self._daemon.work / f"inbox-{len(self._inboxes)}"
            options = resolved(replace(spec, options={**spec.options, "dir": str(home)}), home)
            self._inboxes[dir] = Inbox(self, spec, options)
        return self._inboxes[dir]

    def topic(self, name: str) -> Topic:
        """A Kafka topic that flows listen to or publish to."""
        if name not in self._topics:
            self._topics[name] = Topic(self, name, self._value_kind(name), self.outside.unreachable)
        return self._topics[name]

    def webhook(self, path: str) -> Hook:
        """The webhook that flows have at `/hooks/{path}`. Raises LookupError."""
        spec = self._daemon.specs.get(f"webhook:{path}")
        if spec is None:
            raise LookupError(
                f"no flow has the webhook {path!r}; there are {self._named('webhook')}"
            )
        verify = spec.options["verify"]
        return Hook(self, path, None if verify is None else Verify.of(verify))

    def receiver(self, url: str | Named) -> Receiver:
        """The target of outgoing webhooks at `url`, or at the one that a secret holds."""
        return self.outside.receiver(url if isinstance(url, str) else self.secrets.value(url.name))

    # --- what has become of it ----------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self.clock.time

    def runs(self, flow: Flow[..., Any] | str | None = None) -> Sequence[SimulatedRun]:
        """All runs, oldest first, or those of one flow."""
        page = Page(limit=MANY, flow=None if flow is None else _name(flow))
        return [SimulatedRun(self, r.id) for r in reversed(self.call(self.local.store.runs(page)))]

    def events(self, type: str | None = None) -> Sequence[Event]:
        """All events, oldest first, or those of one type."""
        rows = self.call(self.local.store.events(Page(limit=MANY, type=type)))
        return [row.event for row in reversed(rows)]

    def published(self, topic: str) -> Sequence[SimulatedMessage]:
        """What was published to a Kafka topic, in order."""
        return messages_to(self, "kafka", topic)

    def sent(self, url: str) -> Sequence[SimulatedMessage]:
        """What was sent to a URL, or to `secret:NAME` for one that a secret holds."""
        return messages_to(self, "webhook", url)

    def mailed(self, address: str) -> Sequence[SimulatedMessage]:
        """What was mailed to an address, in order: `headers["Subject"]` and `body`."""
        return messages_to(self, "email", address)

    def why(self, event: Event) -> Mapping[str, str]:
        """What came of an event for each flow, by name: `ran`, `filtered: ...`, `paused`, ..."""
        event, store = self._at_home(event), self.local.store
        catalog = self.local.core.dispatcher.catalog
        reasons = {flow: f"filtered: {why}" for flow, why in filtered(catalog.body, event)}
        row = self.call(store.event_by_id(event.source, event.id))
        stored = () if row is None else self.call(store.dispositions(row.event.key))
        for item in stored:
            reasons[item.flow] = ": ".join(filter(None, (item.outcome, item.detail)))
        return reasons

    def trace(self) -> Sequence[str]:
        """All that has happened, a line each, without what differs from one simulation to the
        next: the same flows, seed and input give the same trace."""
        return self.call(trace_of(self.local.store))

    # --- inside -------------------------------------------------------------------------

    @property
    def _loop(self) -> VirtualLoop:
        if self._turning is None:
            raise RuntimeError("use it as `with simulate(...) as sim:`")
        return self._turning

    def _seconds(self) -> float:
        return 0.0 if self._turning is None else self._turning.time()

    @property
    def local(self) -> Local:
        """The session behind it."""
        if self._daemon.local is None:
            raise RuntimeError("use it as `with simulate(...) as sim:`")
        return self._daemon.local

    @property
    def operations(self) -> Operations:
        """The verbs of the API and the command line."""
        if self._daemon.operations is None:
            raise RuntimeError("use it as `with simulate(...) as sim:`")
        return self._daemon.operations

    def call(self, awaitable: Coroutine[Any, Any, T]) -> T:
        """The value of something that needs no time."""
        return self._loop.complete(awaitable)

    def decoded(self, stored: Any) -> Any:
        """A stored value."""
        return None if stored is None else decode(stored, Any, self.local.opened.artifacts)

    def begun(self, run: str) -> Sequence[str]:
        """The tasks of a run whose attempts have begun, in order."""
        return self._script.begun.get(run, ())

    async def take(self, sensor: str, emission: Emission) -> Sequence[str]:
        """Take in what a sensor would emit; the ids of the runs that it begins."""
        accepted = await self.local.core.dispatcher.emit(sensor, emission)
        return [run for one in accepted for run in one.runs]

    async def _arrive(self, message: Any) -> None:
        await self.topic(message.target).arrive(message)

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        self._pass(0)

    def _pass(self, duration: float) -> None:
        self._loop.run_for(duration)
        if self._main is not None and self._main.done():
            self._main.result()

    def _open(self) -> Sequence[SimulatedRun]:
        store = self.local.store
        pages = [Page(limit=MANY, state=state) for state in OPEN]
        return [SimulatedRun(self, r.id) for p in pages for r in self.call(store.runs(p))]

    def _named(self, kind: str) -> list[str]:
        return sorted(spec.name for spec in self._daemon.specs.values() if spec.kind == kind)

    def _value_kind(self, topic: str) -> ValueKind | None:
        for spec in self._daemon.specs.values():
            if spec.kind == "kafka" and topic in spec.options["topics"]:
                kind: ValueKind = spec.options["topics"][topic]
                return kind
        return None

    def _at_home(self, event: Event) -> Event:
        """A sample comes now, and that of a file from wherever the flow watches: files of tests
        lie in folders of their own."""
        time = self.now if event.time == event.received_at else event.time
        event = msgspec.structs.replace(event, time=time, received_at=self.now)
        if not event.type.startswith("triphammer.file."):
            return event
        for flow in self._daemon.flows.values():
            for source in flow.on:
                if source.kind == "files":
                    moved = msgspec.structs.replace(event, source=source.match["source"][0])
                    if compile_pattern(source.match).matches(moved):
                        return moved
        return event


def _name(flow: Flow[..., Any] | str) -> str:
    return flow if isinstance(flow, str) else flow.name
