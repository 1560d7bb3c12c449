"""Runs that wait for events: those that came before, and those that come."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.test_waiting import event, note
from triphammer import Event, events, finished, first_of, flow, sleep, task, wait_for
from triphammer.flows.errors import GraphError
from triphammer.testing import simulate

PAID = {"type": ["paid"]}


@flow(on=events(type="order"))
def order(event: Event) -> Any:
    paid = wait_for({"type": ["paid"], "data": {"order": [event.data["order"]]}})
    return [paid.data["amount"], paid["subject"]]


def test_the_event_that_is_told_apart_by_a_value_of_the_run() -> None:
    with simulate(order) as sim:
        runs = [sim.emit(event("order", {"order": n})) for n in range(3)]
        assert {run.state for run in runs} == {"waiting"}
        sim.emit_all(event("paid", {"order": 1, "amount": 7}, subject="x"))
        assert [run.state for run in runs] == ["waiting", "succeeded", "waiting"]
        assert runs[1].result == [7, "x"]
        sim.emit_all(event("paid", {"order": 1, "amount": 8}))
        sim.emit_all(event("paid", {"order": 2.0, "amount": 9}))
        assert [run.state for run in runs] == ["waiting", "succeeded", "succeeded"]


def test_an_event_that_came_between_the_runs_event_and_the_wait() -> None:
    @flow(on=events(type="order"))
    def slow(event: Event) -> Any:
        nap = sleep("1h")
        paid = wait_for(PAID)
        nap >> paid  # pyright: ignore[reportUnusedExpression]
        return paid.data

    with simulate(slow) as sim:
        sim.emit_all(event("paid", "before"))
        run = sim.emit(event("order"))
        for n in range(3):
            sim.emit_all(event("other"))
            sim.emit_all(event("paid", n))
        sim.advance("1h")
        assert (run.state, run.result) == ("succeeded", 0)


@pytest.mark.parametrize(
    ("since", "expected"), [("2h", "two"), ("1d", "yesterday"), ("start_of_day", "ten"), (0, None)]
)
def test_how_far_it_looks_back(since: Any, expected: Any) -> None:
    @flow(on=events(type="order"), timezone="Asia/Seoul")
    def back() -> Any:
        return wait_for(PAID, since=since).data

    told = {13: "yesterday", 16: "ten", 25: "two"}  # midnight in Seoul is at 15
    with simulate(back) as sim:
        for hour in range(27):
            if hour in told:
                sim.emit_all(event("paid", told[hour], now=moment(sim)))
            sim.advance("1h")
        run = sim.emit(event("order", now=moment(sim)))
        sim.advance(1)
        assert (run.state, run.result) == (
            ("waiting", None) if expected is None else ("succeeded", expected)
        )


def test_the_runs_own_event_is_not_what_it_waits_for() -> None:
    @flow(on=events(type="order"))
    def pair() -> Any:
        return wait_for({"type": ["order"]}, since="1d").data

    with simulate(pair) as sim:
        first = sim.emit(event("order", 1))
        assert first.state == "waiting"
        second = sim.emit(event("order", 2))
        assert (first.state, first.result) == ("succeeded", 2)
        assert (second.state, second.result) == ("succeeded", 1)


@pytest.mark.parametrize("what", ["fail", "skip"])
def test_a_timeout_fails_or_skips(what: Any) -> None:
    @flow(on=events(type="order"))
    def impatient() -> Any:
        paid = wait_for(PAID, timeout="2d", on_timeout=what)
        note.options(name="after")(paid)
        return note.options(name="late", trigger_rule="all_done")(paid)

    with simulate(impatient) as sim:
        run = sim.emit(event("order"))
        sim.advance("47h")
        assert run.state == "waiting"
        sim.advance("1h")
        row = run.task("wait_for")
        assert row.state == ("failed" if what == "fail" else "skipped")
        assert row.error is not None
        assert (row.error.type, row.error.message) == ("WaitTimeout", "nothing came within 2d")
        assert run.state == ("failed" if what == "fail" else "succeeded")
        assert run.task("after").state == "skipped"
        sim.emit_all(event("paid"))


def test_the_loser_of_a_race_is_withdrawn() -> None:
    @flow(on=events(type="order"))
    def race() -> Any:
        paid = wait_for(PAID)
        cancelled = wait_for({"type": ["cancelled"]})
        return first_of(paid, cancelled)["type"]

    with simulate(race) as sim:
        run = sim.emit(event("order"))
        sim.emit_all(event("cancelled"))
        assert (run.state, run.result) == ("succeeded", "cancelled")
        row = run.task("wait_for")
        assert row.state == "skipped"
        assert row.error is not None
        assert row.error.type == "Withdrawn"
        assert sim.call(sim.local.store.waits(run.id)) == []


def test_a_task_may_take_it_as_an_event() -> None:
    @task
    def amount(paid: Event[int]) -> int:
        return paid.data + len(paid.headers)

    @flow(on=events(type="order"))
    def typed() -> Any:
        return amount(wait_for(PAID))

    with simulate(typed) as sim:
        run = sim.emit(event("order"))
        sim.emit_all(event("paid", 3))
        assert (run.state, run.result) == ("succeeded", 3)


def test_the_end_of_another_run() -> None:
    @flow
    def other() -> Any:
        return note("done")

    @flow(on=events(type="order"))
    def after() -> Any:
        pattern = {"type": ["triphammer.run.finished"], "subject": ["other"]}
        return wait_for(pattern).data["state"]

    with simulate(after, other) as sim:
        run = sim.emit(event("order"))
        sim.start(other)
        assert (run.state, run.result) == ("succeeded", "succeeded")
        assert finished("other").kind == "finished"


def test_a_pattern_without_any_exact_value() -> None:
    @flow(on=events(type="order"))
    def big() -> Any:
        return wait_for({"data": {"n": [{"numeric": [">", 10]}]}}).data["n"]

    with simulate(big) as sim:
        run = sim.emit(event("order"))
        sim.emit_all(event("a", {"n": 3}))
        assert run.state == "waiting"
        sim.emit_all(event("b", {"n": 30}))
        assert (run.state, run.result) == ("succeeded", 30)


def test_a_value_that_makes_no_pattern_fails_the_task() -> None:
    @flow(on=events(type="order"))
    def wrong(event: Event) -> Any:
        return wait_for({"data": {"n": [{"numeric": [">", event.data["n"]]}]}})

    with simulate(wrong) as sim:
        run = sim.emit(event("order", {"n": "ten"}))
        assert run.state == "failed"
        assert run.error is not None
        assert "what it waits for" in run.error.message


@pytest.mark.parametrize(
    ("pattern", "options", "said"),
    [
        ({"typ": ["paid"]}, {}, "did you mean type"),
        ({"type": "paid"}, {}, "values are always lists"),
        ("paid", {}, "takes an event pattern"),
        (PAID, {"since": "yesterday"}, "since=.*is no duration"),
        (PAID, {"timeout": "soon"}, "timeout=.*is no duration"),
        (PAID, {"on_timeout": "reject"}, "must be 'fail' or 'skip'"),
    ],
)
def test_what_is_wrong_is_a_load_error(pattern: Any, options: Any, said: str) -> None:
    @flow
    def one() -> None:
        wait_for(pattern, **options)

    with pytest.raises(GraphError, match=said):
        _ = one.graph


def test_what_came_before_it_looked_is_not_overtaken_by_what_comes() -> None:
    """Looking back takes time: an event that comes meanwhile waits for what it finds."""

    @flow(on=events(type="order"))
    def back() -> Any:
        return wait_for(PAID, since="1d").data

    with simulate(back) as sim:
        for n in range(250):
            sim.emit_all(event("paid" if n == 249 else "other", n, now=moment(sim)))
        run = sim.emit(event("order"))
        assert (run.state, run.result) == ("succeeded", 249)


def moment(sim: Any) -> int:
    return int(sim.now.timestamp() * 1e6)
