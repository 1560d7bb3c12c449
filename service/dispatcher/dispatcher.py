"""Takes events in: decides, commits, acknowledges, and begins the runs that have a place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import anyio.lowlevel

from triphammer.config.clock import Clock
from triphammer.config.trace_context import TraceContext
from triphammer.flows.graph import FlowDef
from triphammer.sensors.contract import Accepted, Emission
from triphammer.sensors.errors import Overloaded, StoreUnavailable
from triphammer.sensors.event import Event
from triphammer.service.dispatcher.catalog import Catalog
from triphammer.service.dispatcher.decide import decide, requested_on, requested_run
from triphammer.service.dispatcher.finished import requested_event
from triphammer.service.dispatcher.intake import Intake
from triphammer.service.dispatcher.starter import Starter
from triphammer.service.hub import Hub, News
from triphammer.service.observer import Observer
from triphammer.service.store.contract import Accept, Decided, Outcome, Store
from triphammer.service.tracing.carrying import extensions

BATCH = 200
"""How many events are decided between two looks at the loop: a big batch must not block it."""


class Dispatcher:
    """The way of an event from `emit` to the beginning of its runs.

    State in memory (places, what is behind) advances only after the commit. `intake` counts
    the events of each sensor; `observers` are told of all that is stored.
    """

    def __init__(
        self,
        *,
        store: Store,
        starter: Starter,
        clock: Clock,
        hub: Hub,
        queued_limit: int,
        intake: Intake,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._store = store
        self._starter = starter
        self._clock = clock
        self._hub = hub
        self._queued_limit = queued_limit
        self._intake = intake
        self._observers = observers
        self._closed: str | None = "the daemon is starting"
        self._opened = anyio.Event()
        self.catalog = Catalog({})

    def open(self) -> None:
        """Take events from now on."""
        self._closed = None
        self._opened.set()

    def close(self, reason: str) -> None:
        """Take no more events: `emit` refuses with `reason` until opened again."""
        self._closed = reason
        self._opened = anyio.Event()

    def check_open(self) -> None:
        """Raises `StoreUnavailable` while no event is taken."""
        if self._closed is not None:
            raise StoreUnavailable(self._closed)

    @property
    def congested(self) -> bool:
        """Whether `emit` would wait now."""
        return self._closed is not None or self._starter.queued >= self._queued_limit

    async def emit(
        self, sensor: str, emission: Emission, *, wait: bool = True
    ) -> Sequence[Accepted]:
        """Make an emission durable; see `sensors.contract.Emit` for what is promised."""
        await self._room(wait)
        now, catalog = self._clock.now(), self.catalog
        decided = await self._decide(emission, catalog, now)
        unit = Accept(
            decided=decided,
            sensor=sensor,
            positions=emission.positions,
            dead=tuple(emission.dead),
            catalog=catalog.id,
            received_at=now,
        )
        kind = sensor.partition(":")[0]
        accepted = await self._commit(unit, kind)
        new = [d.event for d, a in zip(decided, accepted, strict=True) if not a.duplicate]
        self._intake.note(sensor, len(decided), new, now)
        if unit.dead:
            self.turned_away(kind, "dead", len(unit.dead))
        return accepted

    async def request(
        self,
        flow: FlowDef,
        params: Mapping[str, Any],
        *,
        by: str,
        source: str,
        id: str,
        event: Event | None = None,
        trace: TraceContext | None = None,
    ) -> Accepted:
        """A run of `flow` that somebody asked for. Raises on parameters that do not fit.

        `event` is a new event to run on; without one the run's event is the request itself, which
        belongs to `trace`.
        """
        await self._room(wait=False)
        now = self._clock.now()
        told = extensions(trace)
        asked = event or requested_event(
            flow.name, params, by=by, now=now, source=source, id=id, trace=told
        )
        disposition, run = requested_run(flow, asked, params, now)
        return await self._ask(Decided(event=asked, dispositions=(disposition,), runs=(run,)), now)

    async def request_on(
        self,
        event: Event,
        flow: FlowDef,
        params: Mapping[str, Any],
        *,
        by: str,
        source: str,
        id: str,
    ) -> Accepted:
        """The same on a stored event; the request is an event of its own beside it.

        Raises on data that do not fit as well, and `UnknownEvent` if it is stored no more.
        """
        await self._room(wait=False)
        now = self._clock.now()
        asked = requested_event(flow.name, params, by=by, now=now, source=source, id=id, on=event)
        disposition, run = requested_on(flow, event, params, now)
        decided = Decided(event=asked, dispositions=(disposition,), runs=(run,), runs_on=event)
        return await self._ask(decided, now)

    async def _ask(self, decided: Decided, now: int) -> Accepted:
        unit = Accept(decided=(decided,), catalog=self.catalog.id, received_at=now)
        return (await self._commit(unit, "request"))[0]

    async def _commit(self, unit: Accept, kind: str) -> Sequence[Accepted]:
        self.expect(unit.decided)
        try:
            outcome = (await self._store.commit([unit]))[0]
            return self.accepted(unit.decided, outcome, kind, unit.received_at)
        finally:
            self.expect_no_more(unit.decided)

    def expect(self, decided: Sequence[Decided]) -> None:
        """The runs of `decided` are about to be committed."""
        self._starter.expect(run.id for item in decided for run in item.runs)

    def expect_no_more(self, decided: Sequence[Decided]) -> None:
        """Their commit is over, and what came of it is known."""
        self._starter.expect_no_more(run.id for item in decided for run in item.runs)

    def accepted(
        self, decided: Sequence[Decided], outcome: Outcome, kind: str, began: int
    ) -> Sequence[Accepted]:
        """Advance the state in memory after the commit of `decided`, and begin its runs.

        They came from a source of this `kind`, and were looked at from `began` on.
        """
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, tuple)
        for observer in self._observers:
            observer.taken(kind, decided, outcome, began)
        new = [d.event for d, a in zip(decided, outcome, strict=True) if not a.duplicate]
        self._intake.stored(new, began)
        news: list[News] = []
        for item, accepted in zip(decided, outcome, strict=True):
            if accepted.duplicate:
                continue
            news.append(News("event", accepted.key))
            for run in item.runs:
                if run.id not in accepted.runs:
                    continue  # it was to be alone, and is not
                news.append(News("run", run.id, run.flow, "queued"))
                self._starter.offer(run, item.runs_on or item.event)
        self._hub.publish(news)
        return outcome

    def turned_away(self, kind: str, outcome: str, count: int = 1) -> None:
        """Tell that occurrences did not become events."""
        for observer in self._observers:
            observer.turned_away(kind, outcome, count)

    async def wait_for_room(self) -> None:
        """Return once events are taken."""
        await self._room(wait=True)

    async def _room(self, wait: bool) -> None:
        while self.congested:
            if not wait:
                self._refuse()
            if self._closed is not None:
                await self._opened.wait()
            else:
                await self._starter.wait_below(self._queued_limit)

    def _refuse(self) -> None:
        self.check_open()
        raise Overloaded(f"{self._starter.queued} runs are queued; try again later")

    async def _decide(self, emission: Emission, catalog: Catalog, now: int) -> tuple[Decided, ...]:
        decided: list[Decided] = []
        claims = emission.claims
        for number, event in enumerate(emission.events):
            if number and number % BATCH == 0:
                await anyio.lowlevel.checkpoint()
            decided.append(decide(event, catalog, now, claim=claims.get(event.key)))
        return tuple(decided)
