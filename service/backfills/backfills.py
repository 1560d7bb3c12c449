"""What can be asked about backfills: plan, begin, cancel."""

from __future__ import annotations

from collections.abc import Callable

import anyio.lowlevel

from triphammer.config.clock import Clock
from triphammer.config.ids import new_id
from triphammer.config.settings import Settings
from triphammer.flows.graph import FlowDef
from triphammer.sensors.errors import Rejected
from triphammer.sensors.timers.past import PastTick
from triphammer.sensors.timers.schedule import Schedule
from triphammer.sensors.timers.sensor import POSITION, schedule_of
from triphammer.sensors.timers.source import event_source, time_zone
from triphammer.sensors.timers.tick import tick_id
from triphammer.service.backfills.plan import Timers, all_ticks, in_order, planned
from triphammer.service.backfills.stretch import stretch
from triphammer.service.errors import StateForbids, UnknownBackfill
from triphammer.service.library import Library
from triphammer.service.store.backfills import (
    AddBackfill,
    Asked,
    BackfillRow,
    CancelBackfill,
    Only,
    Order,
    Tick,
)
from triphammer.service.store.contract import Store

BATCH = 100
"""Ticks that are found between two looks at the loop."""


class Backfills:
    """The verbs. `changed` is called when there may be something to fill in."""

    def __init__(
        self,
        *,
        store: Store,
        library: Library,
        clock: Clock,
        settings: Settings,
        changed: Callable[[], None],
    ) -> None:
        self.store = store
        self._library = library
        self._clock = clock
        self._timezone = settings.flows.timezone
        self._changed = changed

    def asked(
        self,
        flow: str,
        begin: str,
        end: str,
        *,
        order: Order = "oldest",
        only: Only | None = None,
        again: bool = False,
        max_parallel: int = 1,
    ) -> Asked:
        """What somebody asks for. Raises `UnknownFlow`, and `Rejected` 422 for what makes no
        sense."""
        live = self._library.flow(flow)
        if again and only is not None:
            raise Rejected(422, f"again runs every tick, only={only!r} some of them: give one")
        zone = time_zone(live.timezone or self._timezone, "timezone")
        first, last = stretch(begin, end, zone, self._clock.now())
        return Asked(
            flow=live.name,
            begin=first,
            end=last,
            order=order,
            only=only,
            again=again,
            max_parallel=max_parallel,
        )

    async def plan(self, asked: Asked) -> list[Tick]:
        """What would happen to each tick; changes nothing. Raises `Rejected` 422 for a flow
        without a timer, for no tick and for too many."""
        timers = await self._timers(self._library.flow(asked.flow))
        found: dict[int, PastTick] = {}
        for number, tick in enumerate(all_ticks(asked, timers), start=1):
            found.setdefault(tick.due, tick)
            if number % BATCH == 0:
                await anyio.lowlevel.checkpoint()
        ticks = in_order(asked, found)
        ids = [tick_id(asked.flow, tick.due) for tick in ticks]
        runs = await self.store.tick_runs(asked.flow, event_source(asked.flow), ids)
        return planned(asked, ticks, runs)

    async def begin(self, asked: Asked, key: str | None = None) -> BackfillRow:
        """Begin a backfill; it is stored with all its ticks before this returns. With the same
        idempotency `key` it is begun once. Raises as `plan`."""
        ticks = await self.plan(asked)
        own = None if key is None else f"{asked.flow}/{key}"
        unit = AddBackfill(
            id=new_id("bf"), asked=asked, ticks=tuple(ticks), at=self._clock.now(), key=own
        )
        (outcome,) = await self.store.commit([unit])
        if isinstance(outcome, Exception):
            raise outcome
        self._changed()
        if outcome is False and own is not None:
            before = await self.store.backfill_of_key(own)
            if before is not None:
                return before
        return await self.row(unit.id)

    async def cancel(self, id: str) -> BackfillRow:
        """Begin no more ticks; the runs under way go on. Raises `UnknownBackfill`,
        `StateForbids`."""
        row = await self.row(id)
        (outcome,) = await self.store.commit([CancelBackfill(backfill=id, at=self._clock.now())])
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is False:
            raise StateForbids(f"backfill {id} is over: it is {row.state}")
        self._changed()
        return await self.row(id)

    async def row(self, id: str) -> BackfillRow:
        """One backfill. Raises `UnknownBackfill`."""
        found = await self.store.backfill(id)
        if found is None:
            raise UnknownBackfill(id)
        return found

    async def _timers(self, flow: FlowDef) -> Timers:
        specs = [source.spec(flow.name) for source in flow.on if source.kind == "timer"]
        if not specs:
            listens = ", ".join(source.text for source in flow.on) or "nothing"
            raise Rejected(
                422,
                f"{flow.name} has no schedule (every, cron, at) to take ticks from: it listens "
                f"to {listens}",
            )
        timers: list[tuple[Schedule, int | None]] = []
        for spec in specs:
            assert spec is not None
            last = (await self.store.positions(spec.id)).get(POSITION)
            schedule = schedule_of(spec.options, self._timezone)
            timers.append((schedule, None if last is None else int(last)))
        return timers
