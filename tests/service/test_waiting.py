"""Runs that wait, in a daemon's worth of parts and virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from triphammer import chain, events, flow, sleep, task
from triphammer.config.ids import new_id
from triphammer.sensors.codec import new_event
from triphammer.sensors.event import Event
from triphammer.service.store.operator_units import Annotate, Operation
from triphammer.testing import simulate

NOW = 1_767_225_600_000_000


def event(type: str, data: Any = None, **attributes: Any) -> Event:
    id = new_id("evt")
    given: dict[str, Any] = {"now": NOW, **attributes}
    return new_event(id=id, source="shop", type=type, data=data, **given)


@task
def note(what: Any = None) -> Any:
    return what


@flow(on=events(type="go"))
def patient() -> Any:
    after = note("over")
    chain(sleep("2 days"), after)
    return after


def test_a_run_that_only_waits_is_nothing_but_rows() -> None:
    with simulate(patient) as sim:
        run = sim.emit(event("go"))
        assert run.state == "waiting"
        core = sim.local.core
        assert (core.engine.active, core.admission.active) == (0, 0)
        assert core.active._abouts == {}  # pyright: ignore[reportPrivateUsage]
        sim.advance("47h")
        assert run.state == "waiting"
        sim.advance("1h")
        assert (run.state, run.result) == ("succeeded", "over")


def test_waiting_runs_take_no_place_from_others() -> None:
    @flow(on=events(type="go"), max_runs=1)
    def narrow() -> Any:
        chain(note(1), sleep("1d"), note(2))

    with simulate(narrow) as sim:
        for _ in range(50):
            sim.emit(event("go"))
        assert {run.state for run in sim.runs()} == {"waiting"}
        sim.advance("1d")
        assert {run.state for run in sim.runs()} == {"succeeded"}


@pytest.mark.parametrize("mode", ["queue", "single"])
def test_a_run_that_waits_is_still_its_flows_run(mode: Any) -> None:
    @flow(on=events(type="go"), mode=mode)
    def lonely() -> Any:
        chain(sleep("1d"), note())

    with simulate(lonely) as sim:
        sim.emit(event("go"))
        sim.emit_all(event("go"))
        states = [run.state for run in sim.runs()]
        assert states == (["waiting", "queued"] if mode == "queue" else ["waiting"])
        sim.advance("1d")
        assert sim.runs()[0].state == "succeeded"
        sim.advance("1d")
        assert {run.state for run in sim.runs()} == {"succeeded"}


def test_a_run_that_waits_is_still_its_keys_run() -> None:
    @flow(on=events(type="go"), mode="queue", per="data.who")
    def one_each() -> Any:
        chain(sleep("1d"), note())

    with simulate(one_each) as sim:
        for who in ("ann", "bob", "ann"):
            sim.emit_all(event("go", {"who": who}))
        assert [run.state for run in sim.runs()] == ["waiting", "waiting", "queued"]
        sim.advance("1d")
        assert [run.state for run in sim.runs()] == ["succeeded", "succeeded", "waiting"]
        sim.advance("1d")
        assert {run.state for run in sim.runs()} == {"succeeded"}


def test_restart_ends_a_run_that_waits_with_its_teardowns() -> None:
    @flow(on=events(type="go"), mode="restart")
    def newest() -> Any:
        made = note.options(name="make")("made")
        undo = note.options(name="undo")("undone")
        nap = sleep.options(name="nap", setup=made, teardown=undo)("1d")
        chain(nap, note())

    with simulate(newest) as sim:
        first = sim.emit(event("go"))
        assert (first.state, first.task("nap").state) == ("waiting", "waiting")
        second = sim.emit(event("go"))
        sim.advance(0)
        assert (first.state, first.task("undo").state) == ("cancelled", "succeeded")
        assert second.state == "waiting"
        sim.advance("1d")
        assert (second.state, second.task("undo").state) == ("succeeded", "succeeded")


def test_the_flows_timeout_ends_a_run_that_waits() -> None:
    @flow(on=events(type="go"), timeout="1h")
    def hasty() -> Any:
        undo = note.options(name="undo")("undone")
        chain(sleep.options(teardown=undo)("1d"), note())

    with simulate(hasty) as sim:
        run = sim.emit(event("go"))
        sim.advance("59m")
        assert run.state == "waiting"
        sim.advance("2m")
        assert run.state == "failed"
        assert run.error is not None
        assert run.error.type == "RunTimeout"
        assert run.task("undo").state == "succeeded"
        assert run.task("sleep").state == "cancelled"


def test_the_time_of_a_run_that_waits_is_over_though_another_has_the_place() -> None:
    @task
    async def work(seconds: float) -> None:
        await asyncio.sleep(seconds)

    @flow(on=events(type="go"), max_runs=1, timeout="1h", deadline="52m")
    def narrow(event: Event) -> Any:
        chain(work(event.data), sleep("1d"), note())

    @flow(on=events(type="triphammer.run.late"))
    def alarm(event: Any) -> Any:
        return note(event.data["run"])

    with simulate(narrow, alarm) as sim:
        waits = sim.emit(event("go", 0))
        sim.advance("50m")
        works = sim.emit(event("go", 1800))
        sim.advance("5m")
        assert (waits.state, works.state) == ("waiting", "running")
        assert [one.result for one in sim.runs(alarm)] == [waits.id]
        sim.advance("6m")
        assert (waits.state, works.state) == ("failed", "running")
        sim.advance("20m")
        assert works.state == "waiting"


def test_a_run_that_waits_is_told_of_once_when_it_is_late() -> None:
    @flow(on=events(type="go"), deadline="1h")
    def late() -> Any:
        chain(sleep("1d"), note())

    @flow(on=events(type="triphammer.run.late"))
    def alarm(event: Any) -> Any:
        return note(event.data["flow"])

    with simulate(late, alarm) as sim:
        run = sim.emit(event("go"))
        sim.advance("23h")
        assert run.state == "waiting"
        assert [one.result for one in sim.runs(alarm)] == ["late"]
        sim.advance("1h")
        assert run.state == "succeeded"
        assert len(sim.runs(alarm)) == 1


def test_a_woken_run_goes_on_although_its_flow_is_paused() -> None:
    with simulate(patient) as sim:
        run = sim.emit(event("go"))
        sim.local.core.admission.pause("patient", True)
        sim.advance("2d")
        assert run.state == "succeeded"


def test_waits_beside_work_and_inside_of_things() -> None:
    @flow
    def shop(name: str) -> Any:
        nap = sleep("1h")
        after = note(name)
        chain(nap, after)
        return after

    @flow(on=events(type="go"))
    def many() -> Any:
        beside = note("beside")
        return [shop.map(["a", "b", "c"]), beside]

    with simulate(many) as sim:
        run = sim.emit(event("go"))
        assert run.state == "waiting"
        assert run.task("note").state == "succeeded"
        sim.advance("1h")
        assert run.result == [["a", "b", "c"], "beside"]


def test_a_cancel_that_was_stored_before_the_daemon_died_ends_the_run() -> None:
    with simulate(patient) as sim:
        cut, other = sim.emit(event("go")), sim.emit(event("go"))
        noted = Operation(run=cut.id, at=NOW, by="me", what="cancel")
        sim.call(sim.local.store.commit([Annotate(operation=noted)]))
        sim.restart()
        sim.settle()
        assert (cut.state, other.state) == ("cancelled", "waiting")
        assert cut.error is not None
        assert cut.error.message == "cancelled by me"
        sim.retry(cut)
        assert cut.state == "waiting"
        sim.restart()
        sim.settle()
        assert cut.state == "waiting", "that was before the retry"
