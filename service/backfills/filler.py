"""Fills backfills: makes a run of each pending tick when its flow has room for one."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import msgspec
from anyio.abc import TaskStatus

from triphammer.config.clock import Clock
from triphammer.sensors.timers.tick import tick_event
from triphammer.service.dispatcher.admission import Admission
from triphammer.service.dispatcher.decide import decide
from triphammer.service.dispatcher.dispatcher import Dispatcher
from triphammer.service.dispatcher.starter import Starter
from triphammer.service.hub import Hub, News
from triphammer.service.library import Library
from triphammer.service.store.backfills import BackfillRow, FilledTick, SettleTicks, Tick
from triphammer.service.store.contract import (
    ENDED,
    Decided,
    Disposition,
    FillTick,
    Outcome,
    RunRow,
    Store,
)

TOGETHER = 50
"""Ticks that are filled in at once."""


class Filler:
    """Goes on with every open backfill whenever `notify` says that there may be room.

    A tick becomes a run only where that can begin at once. So it never stands in the way of a
    live tick that waits: the next place is that one's.
    """

    def __init__(
        self,
        *,
        store: Store,
        library: Library,
        admission: Admission,
        starter: Starter,
        dispatcher: Dispatcher,
        clock: Clock,
        hub: Hub,
    ) -> None:
        self._store = store
        self._library = library
        self._admission = admission
        self._starter = starter
        self._dispatcher = dispatcher
        self._clock = clock
        self._hub = hub
        self._idle = False
        self._wake = anyio.Event()
        self._wake.set()

    def notify(self) -> None:
        """A run has ended, or a flow has more room."""
        if not self._idle:
            self._wake.set()

    def begin(self) -> None:
        """There is a new backfill, or one was cancelled."""
        self._idle = False
        self._wake.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Fill until cancelled."""
        task_status.started()
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            # What comes while the store is asked must not find it idle.
            self._idle = False
            rows = await self._store.open_backfills()
            for row in rows:
                await self._advance(row)
            if not rows and not self._wake.is_set():
                self._idle = True

    async def _advance(self, row: BackfillRow) -> None:
        begun = await self._store.begun_ticks(row.id)
        ended = {due: state or "failed" for due, state in begun.items() if _is_over(state)}
        if ended:
            await self._settle(row, ended)
        left = await self._fill(row, len(begun) - len(ended))
        if not left:
            await self._settle(row, {})

    async def _fill(self, row: BackfillRow, begun: int) -> bool:
        """Begin what there is room for; whether anything is still pending or under way."""
        while True:
            free = min(row.asked.max_parallel - begun, self._room(row), TOGETHER)
            pending = await self._store.pending_ticks(row.id, row.asked.order, max(free, 1))
            if free < 1 or not pending:
                return bool(pending) or begun > 0
            begun += await self._begin(row, pending)

    def _room(self, row: BackfillRow) -> int:
        """How many runs of its flow would begin at once."""
        flow = row.asked.flow
        return self._admission.room(flow) if flow in self._library.live else 0

    async def _begin(self, row: BackfillRow, ticks: Sequence[Tick]) -> int:
        """Make the runs of `ticks`; how many there are."""
        await self._dispatcher.wait_for_room()
        before = [await self._store.run(tick.redo) if tick.redo else None for tick in ticks]
        units = [self._unit(row, *one) for one in zip(ticks, before, strict=True)]
        decided = [unit.decided for unit in units]
        held = [old is not None and old.holds for old in before]
        self._dispatcher.expect(decided)
        try:
            outcomes = await self._store.commit(units)
            told = zip(units, outcomes, held, strict=True)
            begun = sum(self._filled(unit, outcome, holds) for unit, outcome, holds in told)
        finally:
            self._dispatcher.expect_no_more(decided)
        self._tell(row)
        return begun

    def _unit(self, row: BackfillRow, tick: Tick, before: RunRow | None) -> FillTick:
        now, flow = self._clock.now(), row.asked.flow
        event = tick_event(
            flow,
            tick.due,
            start=tick.start,
            now=now,
            backfill=True,
            again=None if tick.redo is None else row.id,
        )
        catalog = self._dispatcher.catalog
        return FillTick(
            tick=FilledTick(
                backfill=row.id,
                due=tick.due,
                redo=tick.redo,
                epoch=None if before is None else before.epoch,
                again=row.asked.again,
            ),
            decided=alone(decide(event, catalog, now), flow),
            catalog=catalog.id,
            at=now,
        )

    def _filled(self, unit: FillTick, outcome: Outcome, held: bool) -> bool:
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, tuple)
        runs = [run for accepted in outcome if not accepted.duplicate for run in accepted.runs]
        if runs and held:
            self._hub.publish([News("run", runs[0], unit.decided.runs[0].flow, "queued")])
            self._starter.redriven(unit.decided.runs[0].flow)
        elif outcome:
            self._dispatcher.accepted([unit.decided], outcome, "backfill", unit.at)
        return bool(runs)

    async def _settle(self, row: BackfillRow, ended: dict[int, str]) -> None:
        unit = SettleTicks(backfill=row.id, states=ended, at=self._clock.now())
        (outcome,) = await self._store.commit([unit])
        if isinstance(outcome, Exception):
            raise outcome
        self._tell(row)

    def _tell(self, row: BackfillRow) -> None:
        self._hub.publish([News("backfill", row.id, row.asked.flow, row.state)])


def alone(decided: Decided, flow: str) -> Decided:
    """`decided` with no run but that of `flow`, whose backfill it is."""
    detail = f"a backfill of {flow} runs no other flow"
    return msgspec.structs.replace(
        decided,
        runs=tuple(run for run in decided.runs if run.flow == flow),
        dispositions=tuple(
            item
            if item.flow == flow
            else Disposition(item.subscription, item.flow, "skipped", detail)
            for item in decided.dispositions
        ),
    )


def _is_over(state: str | None) -> bool:
    return state is None or state in ENDED
