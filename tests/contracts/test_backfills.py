"""Backfills in every kind of store."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.store_cases import (
    ERROR,
    NOW,
    a_run,
    accept,
    begun,
    changed,
    one,
    ran,
)
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.config.ids import new_id
from triphammer.sensors.event import Event
from triphammer.sensors.timers.source import event_source
from triphammer.sensors.timers.tick import tick_event, tick_id
from triphammer.service.store.backfills import (
    AddBackfill,
    Asked,
    CancelBackfill,
    FilledTick,
    PruneBackfills,
    SettleTicks,
    Tick,
    TickRun,
)
from triphammer.service.store.contract import Decided, Disposition, FillTick, NewRun, Outcome
from triphammer.service.store.operator_units import Operation, RetryRun
from triphammer.service.store.sqlite.store import SqliteStore

__all__ = ["anyio_backend", "kind", "store"]
pytestmark = pytest.mark.anyio
DAY = 86_400_000_000
FLOW = "orders"


def a_tick(day: int, state: str = "pending", **fields: Any) -> Tick:
    return Tick(due=day * DAY, start=(day - 1) * DAY, state=state, **fields)


def a_backfill(*ticks: Tick, key: str | None = None, **asked: Any) -> AddBackfill:
    about = Asked(flow=FLOW, begin=0, end=9 * DAY, **asked)
    return AddBackfill(id=new_id("bf"), asked=about, ticks=ticks, at=NOW, key=key)


def event_of(day: int, again: str | None = None) -> Event:
    due = day * DAY
    return tick_event(FLOW, due, start=due - DAY, now=NOW, backfill=True, again=again)


def filling(
    backfill: AddBackfill, day: int, run: NewRun, redo: str | None = None, **fields: Any
) -> FillTick:
    event = event_of(day, None if redo is None else backfill.id)
    tick = FilledTick(backfill=backfill.id, due=day * DAY, redo=redo, **fields)
    return FillTick(tick=tick, decided=ran(event, run), at=NOW)


def runs_of(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, tuple)
    return [run for item in outcome for run in item.runs]


def retry_of(run: NewRun, epoch: int) -> RetryRun:
    operation = Operation(run=run.id, at=NOW, by="me", what="retry", detail="all")
    return RetryRun(operation=operation, epoch=epoch, anew=())


async def states(store: SqliteStore, backfill: AddBackfill) -> list[str]:
    return [tick.state for tick in await store.ticks(backfill.id)]


async def ended(store: SqliteStore, run: NewRun, state: str) -> None:
    error = ERROR if state == "failed" else None
    await one(store, changed(run, epoch=0, state=state, finished_at=NOW, error=error))


async def test_it_is_stored_with_its_ticks(store: SqliteStore) -> None:
    backfill = a_backfill(a_tick(1), a_tick(2, "skipped", detail="it succeeded"), max_parallel=3)
    assert await one(store, backfill) is True
    row = await store.backfill(backfill.id)
    assert row is not None
    assert row.asked == backfill.asked
    assert (row.state, row.finished_at) == ("running", None)
    assert dict(row.ticks) == {"pending": 1, "skipped": 1}
    assert list(await store.ticks(backfill.id)) == list(backfill.ticks)
    assert await store.ticks(backfill.id, after=DAY) == [backfill.ticks[1]]
    assert await store.ticks(backfill.id, state="pending") == [backfill.ticks[0]]
    assert await store.backfill("bf_none") is None
    assert await store.find(backfill.id[:20]) == [backfill.id]


async def test_the_same_key_begins_one(store: SqliteStore) -> None:
    first = a_backfill(a_tick(1), key="orders/k")
    assert await one(store, first) is True
    assert await one(store, a_backfill(a_tick(2), key="orders/k")) is False
    assert [row.id for row in await store.backfills(limit=9)] == [first.id]
    found = await store.backfill_of_key("orders/k")
    assert found is not None
    assert found.id == first.id


async def test_nothing_to_run_is_over_at_once(store: SqliteStore) -> None:
    backfill = a_backfill(a_tick(1, "skipped"))
    await one(store, backfill)
    [row] = await store.backfills(limit=9)
    assert (row.state, row.finished_at) == ("succeeded", NOW)
    assert await store.open_backfills() == []


async def test_lists_are_newest_first_and_paged(store: SqliteStore) -> None:
    units = [a_backfill(a_tick(1)) for _ in range(3)]
    for unit in units:
        await one(store, unit)
    newest = await store.backfills(limit=2)
    assert [row.id for row in newest] == [units[2].id, units[1].id]
    assert [r.id for r in await store.backfills(limit=2, before=newest[1].seq)] == [units[0].id]
    assert await store.backfills(limit=2, flow="others") == []
    assert [row.id for row in await store.open_backfills()] == [unit.id for unit in units]


async def test_a_tick_becomes_an_event_and_a_run_at_once(store: SqliteStore) -> None:
    backfill, run = a_backfill(a_tick(1), a_tick(2)), a_run()
    await one(store, backfill)
    assert runs_of(await one(store, filling(backfill, 1, run))) == [run.id]
    assert await states(store, backfill) == ["running", "pending"]
    assert await store.begun_ticks(backfill.id) == {DAY: "queued"}
    assert await one(store, filling(backfill, 1, a_run())) == (), "not a second time"
    await ended(store, run, "succeeded")
    assert await store.begun_ticks(backfill.id) == {DAY: "succeeded"}
    settle = SettleTicks(backfill=backfill.id, states={DAY: "succeeded"}, at=NOW)
    assert await one(store, settle) is False, "a tick is pending"
    assert await states(store, backfill) == ["succeeded", "pending"]
    assert await store.begun_ticks(backfill.id) == {}


async def test_pending_ticks_come_in_either_order(store: SqliteStore) -> None:
    backfill = a_backfill(a_tick(1, "skipped"), a_tick(2), a_tick(3), a_tick(4))
    await one(store, backfill)
    oldest = await store.pending_ticks(backfill.id, "oldest", 2)
    newest = await store.pending_ticks(backfill.id, "newest", 2)
    assert [tick.due // DAY for tick in oldest] == [2, 3]
    assert [tick.due // DAY for tick in newest] == [4, 3]


@pytest.mark.parametrize(
    ("state", "whole"), [("succeeded", "succeeded"), ("failed", "failed"), ("cancelled", "failed")]
)
async def test_the_last_run_ends_it(store: SqliteStore, state: str, whole: str) -> None:
    backfill, run = a_backfill(a_tick(1)), a_run()
    await one(store, backfill)
    await one(store, filling(backfill, 1, run))
    await ended(store, run, state)
    assert await one(store, SettleTicks(backfill=backfill.id, states={DAY: state}, at=NOW)) is True
    [row] = await store.backfills(limit=1)
    assert (row.state, row.finished_at) == (whole, NOW)


async def test_a_tick_that_came_live_meanwhile_is_skipped(store: SqliteStore) -> None:
    backfill, live = a_backfill(a_tick(1)), a_run()
    await one(store, backfill)
    await one(store, accept(ran(event_of(1), live)))
    outcome = await one(store, filling(backfill, 1, a_run()))
    assert runs_of(outcome) == [live.id]
    assert isinstance(outcome, tuple)
    assert [item.duplicate for item in outcome] == [True]
    [tick] = await store.ticks(backfill.id)
    assert (tick.state, tick.detail) == ("skipped", "it came meanwhile")
    assert [run.id for run in await store.ready(FLOW, 10)] == [live.id]


async def test_an_event_that_makes_no_run_is_skipped(store: SqliteStore) -> None:
    backfill = a_backfill(a_tick(1))
    await one(store, backfill)
    no = Disposition(FLOW, FLOW, "dead-lettered", "it does not fit")
    tick = FilledTick(backfill=backfill.id, due=DAY)
    decided = Decided(event=event_of(1), dispositions=(no,))
    await one(store, FillTick(tick=tick, decided=decided, at=NOW))
    [told] = await store.ticks(backfill.id)
    assert (told.state, told.detail) == ("skipped", "dead-lettered: it does not fit")


async def test_a_redo_takes_the_place_of_a_dead_letter(store: SqliteStore) -> None:
    old = a_run(order_key="k")
    behind = a_run(order_key="k")
    await begun(store, old, event=event_of(1))
    await one(store, accept(ran(event_of(5), behind)))
    await one(store, changed(old, state="failed", finished_at=NOW, error=ERROR))
    backfill = a_backfill(a_tick(1, redo=old.id))
    await one(store, backfill)
    new = a_run(order_key="k")
    assert runs_of(await one(store, filling(backfill, 1, new, old.id))) == [new.id]
    assert [run.id for run in await store.ready(FLOW, 10)] == [new.id], "before those behind"
    was, now = await store.run(old.id), await store.run(new.id)
    assert was is not None
    assert now is not None
    assert (was.settled, now.redrive_of, now.event != was.event) == ("redriven", old.id, True)


async def test_a_redo_that_somebody_else_began_is_skipped(store: SqliteStore) -> None:
    old, other = a_run(), a_run()
    await begun(store, old, event=event_of(1))
    await one(store, changed(old, state="cancelled", finished_at=NOW))
    one_of, two = a_backfill(a_tick(1, redo=old.id)), a_backfill(a_tick(1, redo=old.id))
    await one(store, one_of)
    await one(store, two)
    assert runs_of(await one(store, filling(one_of, 1, other, old.id))) == [other.id]
    assert await one(store, filling(two, 1, a_run(), old.id)) == ()
    [tick] = await store.ticks(two.id)
    assert (tick.state, tick.detail) == ("skipped", f"{other.id} came meanwhile")


async def test_a_redo_of_a_run_that_went_on_meanwhile(store: SqliteStore) -> None:
    old = a_run()
    await begun(store, old, event=event_of(1))
    await one(store, changed(old, state="failed", finished_at=NOW, error=ERROR))
    backfill = a_backfill(a_tick(1, redo=old.id))
    await one(store, backfill)
    await one(store, retry_of(old, epoch=1))
    assert await one(store, filling(backfill, 1, a_run(), old.id)) == ()
    [tick] = await store.ticks(backfill.id)
    assert (tick.state, tick.detail) == ("skipped", f"{old.id} is queued by now")
    await one(store, changed(old, epoch=2, state="succeeded", finished_at=NOW))
    late, again = a_backfill(a_tick(1, redo=old.id)), a_backfill(a_tick(1, redo=old.id))
    await one(store, late)
    await one(store, again)
    assert await one(store, filling(late, 1, a_run(), old.id)) == ()
    [tick] = await store.ticks(late.id)
    assert (tick.state, tick.detail) == ("skipped", f"{old.id} is succeeded by now")
    unit = filling(again, 1, a_run(), old.id, again=True, epoch=1)
    assert await one(store, unit) == ()
    [tick] = await store.ticks(again.id)
    assert tick.state == "pending", "it was looked at before it was retried"
    assert len(runs_of(await one(store, filling(again, 1, a_run(), old.id, again=True)))) == 1


async def test_a_redo_of_what_no_run_is_kept_of(store: SqliteStore) -> None:
    backfill = a_backfill(a_tick(1, redo=""))
    await one(store, backfill)
    new = a_run()
    assert runs_of(await one(store, filling(backfill, 1, new, ""))) == [new.id]


async def test_a_cancelled_one_fills_no_more(store: SqliteStore) -> None:
    backfill, run = a_backfill(a_tick(1), a_tick(2)), a_run()
    await one(store, backfill)
    await one(store, filling(backfill, 1, run))
    assert await one(store, CancelBackfill(backfill=backfill.id, at=NOW)) is True
    assert await one(store, CancelBackfill(backfill=backfill.id, at=NOW)) is False
    assert await one(store, filling(backfill, 2, a_run())) == ()
    [row] = await store.backfills(limit=9)
    assert [one.id for one in await store.open_backfills()] == [row.id]
    assert (row.state, dict(row.ticks)) == ("cancelled", {"running": 1, "cancelled": 1})
    await ended(store, run, "succeeded")
    await one(store, SettleTicks(backfill=backfill.id, states={DAY: "succeeded"}, at=NOW))
    [row] = await store.backfills(limit=1)
    assert (row.state, row.finished_at) == ("cancelled", NOW)


async def test_what_became_of_ticks(store: SqliteStore) -> None:
    first, second, unrun = a_run(), a_run(), event_of(2)
    await one(store, accept(ran(event_of(1), first)))
    await one(store, accept(ran(event_of(1, again="bf_1"), second)))
    await one(store, accept(ran(unrun)))
    ids = [tick_id(FLOW, day * DAY) for day in (1, 2, 3)]
    found = await store.tick_runs(FLOW, event_source(FLOW), ids)
    assert found == {ids[0]: TickRun(second.id, "queued"), ids[1]: TickRun(None, None)}
    assert await store.tick_runs("others", event_source(FLOW), ids[:1]) == {
        ids[0]: TickRun(None, None)
    }


async def test_old_ones_are_forgotten_one_by_one(store: SqliteStore) -> None:
    units = [a_backfill(a_tick(1, "skipped")) for _ in range(3)]
    for unit in units:
        await one(store, unit)
    assert await one(store, PruneBackfills(before=NOW)) == 0, "too young"
    assert await one(store, PruneBackfills(before=NOW + 1)) == 1
    assert await one(store, PruneBackfills(before=NOW + 1)) == 1
    assert await one(store, PruneBackfills(before=NOW + 1)) == 0, "the newest stays"
    assert [row.id for row in await store.backfills(limit=9)] == [units[2].id]
    assert await store.ticks(units[0].id) == []
