"""Backfills in virtual time: which ticks run, in which order, and beside live ones."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import pytest

from triphammer import Event, cron, events, every, flow, task
from triphammer.sensors.errors import Rejected
from triphammer.service.errors import StateForbids, UnknownFlow
from triphammer.service.store.contract import SkipRun
from triphammer.testing import Simulation, simulate

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
begun: list[tuple[str, bool]] = []
bad: set[str] = set()
length: dict[str, float] = {}


@task
async def work(due: str, backfill: bool) -> str:
    begun.append((due[5:13], backfill))
    await asyncio.sleep(length.get(due, length.get("all", 1)))
    if due in bad:
        raise ValueError(due)
    return due


@flow(on=cron("0 6 * * *"))
def daily(event: Event) -> Any:
    return work(event.data["due"], event.data["backfill"])


@flow(on=cron("0 * * * *"), mode="parallel", max_runs=3)
def hourly(event: Event) -> Any:
    return work(event.data["due"], event.data["backfill"])


@flow(on=[every("90m"), cron("0 0 * * *")])
def mixed(event: Event) -> Any:
    return work(event.data["due"], event.data["backfill"])


@flow(on=events(type="order"))
def orders() -> Any:
    return work("", False)


@flow(on=events(type="triphammer.timer.fired"))
def listener() -> Any:
    return work("heard", False)


@pytest.fixture
def flows() -> tuple[Any, ...]:
    return (daily, orders)


@pytest.fixture
def sim(flows: tuple[Any, ...]) -> Generator[Simulation]:
    begun.clear()
    bad.clear()
    length.clear()
    with simulate(*flows, start=START) as simulation:
        yield simulation


with_hourly = pytest.mark.parametrize("flows", [(hourly,)])
with_mixed = pytest.mark.parametrize("flows", [(mixed,)])


def dues() -> list[str]:
    return [due for due, _ in begun]


def test_each_tick_becomes_a_run_in_order(sim: Simulation) -> None:
    backfill = sim.backfill(daily, "2026-03-01", "2026-03-03")
    assert backfill.state == "running"
    assert begun == [("03-01T06", True)]
    sim.advance("10s")
    assert backfill.state == "succeeded"
    assert dues() == ["03-01T06", "03-02T06", "03-03T06"]
    assert [tick.state for tick in backfill.ticks] == ["succeeded"] * 3
    assert [run.result for run in sim.runs(daily)] == [f"2026-03-0{n}T06:00:00Z" for n in (1, 2, 3)]


def test_ticks_that_are_filled_are_counted_among_the_events_of_late(sim: Simulation) -> None:
    sim.backfill(daily, "2026-03-01", "2026-03-03")
    sim.advance("20s")
    core = sim.local.core
    rates = core.intake.rates(core.edges.clock.now())
    assert sum(rates.steps) == sum(rates.by_source.values()) == 3


def test_the_newest_first(sim: Simulation) -> None:
    sim.backfill(daily, "2026-03-01", "2026-03-03", order="newest")
    sim.advance("10s")
    assert dues() == ["03-03T06", "03-02T06", "03-01T06"]


def test_each_interval_begins_at_the_tick_before(sim: Simulation) -> None:
    sim.backfill(daily, "2026-03-02", "2026-03-03")
    sim.advance("10s")
    found = [sim.call(sim.local.store.event(run.row.event)) for run in sim.runs(daily)]
    assert [(row.event.id, row.event.data["start"]) for row in found if row is not None] == [
        ("daily@2026-03-02T06:00:00Z", "2026-03-01T06:00:00Z"),
        ("daily@2026-03-03T06:00:00Z", "2026-03-02T06:00:00Z"),
    ]


def test_what_ran_live_is_not_run_again(sim: Simulation) -> None:
    sim.advance("2d")
    assert begun == [("03-11T06", False), ("03-12T06", False)]
    begun.clear()
    backfill = sim.backfill(daily, "2026-03-10", "2026-03-12")
    sim.advance("10s")
    assert begun == [("03-10T06", True)]
    told = {tick.state: tick.detail for tick in backfill.ticks}
    assert told["skipped"] is not None
    assert told["skipped"].endswith("succeeded")


def test_a_second_backfill_finds_nothing_to_do(sim: Simulation) -> None:
    sim.backfill(daily, "2026-03-01", "2026-03-03")
    sim.advance("10s")
    second = sim.backfill(daily, "2026-03-01", "2026-03-03")
    assert second.state == "succeeded"
    assert [tick.state for tick in second.ticks] == ["skipped"] * 3
    assert len(sim.runs(daily)) == 3


def test_again_runs_what_has_succeeded(sim: Simulation) -> None:
    sim.backfill(daily, "2026-03-01", "2026-03-02")
    sim.advance("10s")
    again = sim.backfill(daily, "2026-03-01", "2026-03-03", again=True)
    sim.advance("10s")
    assert again.state == "succeeded"
    assert dues() == ["03-01T06", "03-02T06", "03-01T06", "03-02T06", "03-03T06"]
    keys = {run.row.event for run in sim.runs(daily)}
    assert len(keys) == 5
    # The last one never came before: it has the identity of the live tick.
    last = sim.call(sim.local.store.event(sim.runs(daily)[-1].row.event))
    assert last is not None
    assert last.event.id == "daily@2026-03-03T06:00:00Z"


def test_what_failed_runs_again_and_is_no_dead_letter_any_more(sim: Simulation) -> None:
    bad.add("2026-03-02T06:00:00Z")
    first = sim.backfill(daily, "2026-03-01", "2026-03-03")
    sim.advance("10s")
    assert first.state == "failed"
    assert [tick.state for tick in first.ticks] == ["succeeded", "failed", "succeeded"]
    bad.clear()
    begun.clear()
    assert sim.backfill(daily, "2026-03-01", "2026-03-03", only="missing").state == "succeeded"
    assert begun == []
    second = sim.backfill(daily, "2026-03-01", "2026-03-05", only="failed")
    sim.advance("10s")
    assert second.state == "succeeded"
    assert dues() == ["03-02T06"]
    failed = [run for run in sim.runs(daily) if run.state == "failed"]
    assert [run.row.settled for run in failed] == ["redriven"]
    third = sim.backfill(daily, "2026-03-01", "2026-03-03", only="failed")
    assert [tick.state for tick in third.ticks] == ["skipped"] * 3


def test_without_only_both_missing_and_failed_run(sim: Simulation) -> None:
    bad.add("2026-03-02T06:00:00Z")
    sim.backfill(daily, "2026-03-02", "2026-03-02")
    sim.advance("10s")
    bad.clear()
    sim.backfill(daily, "2026-03-01", "2026-03-03")
    sim.advance("10s")
    assert dues() == ["03-02T06", "03-01T06", "03-02T06", "03-03T06"]


def test_a_failed_run_that_was_skipped_may_still_run_again(sim: Simulation) -> None:
    bad.add("2026-03-02T06:00:00Z")
    sim.backfill(daily, "2026-03-02", "2026-03-02")
    sim.advance("10s")
    bad.clear()
    sim.call(sim.local.store.commit([SkipRun(run=sim.runs(daily)[0].id)]))
    assert sim.backfill(daily, "2026-03-02", "2026-03-02").state == "running"
    sim.advance("10s")
    assert sim.runs(daily)[-1].state == "succeeded"


@with_hourly
def test_no_more_at_a_time_than_asked_for_and_than_the_flow_has_places(sim: Simulation) -> None:
    length["all"] = 60
    sim.backfill(hourly, "2026-03-01", "2026-03-01", max_parallel=2)
    assert len(begun) == 2
    sim.advance("60s")
    assert len(begun) == 4
    sim.backfill(hourly, "2026-03-02", "2026-03-02", max_parallel=20)
    assert len(begun) == 5, "a third place is free"


@with_hourly
def test_a_live_tick_gets_the_next_place(sim: Simulation) -> None:
    length["all"] = 2400
    sim.backfill(hourly, "2026-03-01", "2026-03-01", max_parallel=10)
    sim.advance("1h")
    assert begun[:6] == [(f"03-01T0{n}", True) for n in range(6)]
    sim.advance("20m")
    assert begun[6] == ("03-10T13", False), "before the ticks that the backfill still has"


def test_a_live_tick_of_a_single_flow_waits_for_one_run_only(sim: Simulation) -> None:
    length["all"] = 5000
    sim.backfill(daily, "2026-02-01", "2026-02-28", max_parallel=10)
    sim.advance("21h")
    at = begun.index(("03-11T06", False))
    assert at == 13, "18 hours hold 12.96 runs"
    assert begun[at + 1] == ("02-14T06", True)


def test_a_live_tick_that_is_filled_in_does_not_fire_twice(sim: Simulation) -> None:
    sim.advance("20h")
    backfill = sim.backfill(daily, "2026-03-11", "2027-01-01")
    sim.advance("1d")
    assert [tick.state for tick in backfill.ticks] == ["skipped"], "only what is past"
    assert dues().count("03-11T06") == 1


@with_mixed
def test_every_counts_from_the_ticks_that_fired(sim: Simulation) -> None:
    sim.advance("2h")
    assert ("03-10T13", False) in begun
    begun.clear()
    backfill = sim.backfill(mixed, "2026-03-10T08:00Z", "2026-03-10T14:00Z")
    sim.advance("1m")
    assert [tick.due // 60_000_000 % 1440 for tick in backfill.ticks] == [540, 630, 720, 810]
    assert begun == [("03-10T09", True), ("03-10T10", True), ("03-10T12", True)]


def live_only(event: Event) -> bool:
    return not event.data["backfill"]


@flow(on=cron("0 6 * * *").where({"data": {"backfill": [False]}}))
def patterned() -> Any:
    return work("", False)


@flow(on=cron("0 6 * * *").where(live_only))
def judged() -> Any:
    return work("", False)


@pytest.mark.parametrize(
    ("flows", "detail"),
    [((patterned,), "filtered"), ((judged,), "filtered: the predicate said no")],
)
def test_what_a_filter_keeps_out_is_skipped_and_says_so(sim: Simulation, detail: str) -> None:
    [flow] = sim.local.core.library.live
    backfill = sim.backfill(flow, "2026-03-01", "2026-03-03")
    assert [(tick.state, tick.detail) for tick in backfill.ticks] == [("skipped", detail)] * 3
    assert backfill.state == "succeeded"


def test_only_the_flow_itself_runs() -> None:
    begun.clear()
    with simulate(daily, listener, start=START) as sim:
        sim.backfill(daily, "2026-03-01", "2026-03-02")
        sim.advance("10s")
        assert sim.runs(listener) == []
        event = sim.runs(daily)[0].row.event
        told = {d.flow: d.detail for d in sim.call(sim.local.store.dispositions(event))}
        assert told == {"daily": None, "listener": "a backfill of daily runs no other flow"}


def test_a_paused_flow_begins_nothing(sim: Simulation) -> None:
    sim.local.core.admission.pause("daily", True)
    backfill = sim.backfill(daily, "2026-03-01", "2026-03-02")
    sim.advance("1h")
    assert (backfill.state, begun[:0]) == ("running", [])
    assert ("03-01T06", True) not in begun
    sim.local.core.admission.pause("daily", False)
    sim.local.core.starter.touch_all()
    sim.advance("10s")
    assert backfill.state == "succeeded"


def test_a_cancelled_backfill_begins_no_more(sim: Simulation) -> None:
    backfill = sim.backfill(daily, "2026-03-01", "2026-03-05")
    sim.call(sim.local.core.backfills.cancel(backfill.id))
    sim.advance("10s")
    assert backfill.state == "cancelled"
    assert [tick.state for tick in backfill.ticks] == ["succeeded", *["cancelled"] * 4]
    with pytest.raises(StateForbids, match="is over: it is cancelled"):
        sim.call(sim.local.core.backfills.cancel(backfill.id))


def test_a_cancelled_run_counts_as_not_done(sim: Simulation) -> None:
    length["all"] = 60
    backfill = sim.backfill(daily, "2026-03-01", "2026-03-02")
    run = sim.runs(daily)[0].id

    async def cancel() -> bool:
        return sim.local.core.engine.cancel(run, "enough")

    assert sim.call(cancel())
    sim.advance("90s")
    assert [tick.state for tick in backfill.ticks] == ["cancelled", "succeeded"]
    assert backfill.state == "failed"


@pytest.mark.parametrize("flows", [(daily, hourly, orders)])
@pytest.mark.parametrize(
    ("name", "begin", "end", "options", "message"),
    [
        ("hourly", "1990-01-01", "2026-01-01", {}, "more than 10000 ticks in that time"),
        ("orders", "2026-03-01", "2026-03-02", {}, "orders has no schedule .*listens to events"),
        ("daily", "2026-03-02", "2026-03-01", {}, "from='2026-03-02' is after to='2026-03-01'"),
        ("daily", "2026-03-11", "2026-03-12", {}, "from='2026-03-11' is still to come"),
        ("daily", "March", "2026-03-12", {}, "from='March' is no date or time in ISO 8601"),
        ("daily", "2026-03-01", "2026-02-30", {}, "to='2026-02-30' is no date or time"),
        ("daily", "1815-06-18", "2026-02-01", {}, "from='1815-06-18' is no date or time"),
        ("daily", "2026-03-01T07:00", "2026-03-01T08:00", {}, "no tick of daily falls into"),
        ("daily", "2026-03-01", "2026-03-02", {"again": True, "only": "failed"}, "give one"),
    ],
)
def test_bad_input(
    sim: Simulation, name: str, begin: str, end: str, options: Any, message: str
) -> None:
    with pytest.raises(Rejected, match=message) as caught:
        sim.backfill(name, begin, end, **options)
    assert caught.value.status == 422


def test_an_unknown_flow_is_named_with_one_that_is_close(sim: Simulation) -> None:
    with pytest.raises(UnknownFlow, match="did you mean 'daily'"):
        sim.backfill("dailly", "2026-03-01", "2026-03-02")


@flow(on=cron("0 6 * * *"), timezone="Asia/Seoul")
def eastern(event: Event) -> Any:
    return work(event.data["due"], event.data["backfill"])


@pytest.mark.parametrize("flows", [(eastern,)])
def test_days_and_ticks_are_those_of_the_flows_own_zone(sim: Simulation) -> None:
    sim.backfill(eastern, "2026-03-10", "2026-03-10")
    sim.advance("12h")
    assert begun == [("03-09T21", True), ("03-10T21", False)]
