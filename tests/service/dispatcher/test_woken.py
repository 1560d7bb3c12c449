"""Places of runs that wait, and the order in which they go on. Pure accounting."""

from __future__ import annotations

import msgspec
import pytest

from tests.flows.engine.graphs import a_flow
from triphammer.service.dispatcher.admission import Admission
from triphammer.service.dispatcher.restarts import OpenRun, Restarts
from triphammer.service.dispatcher.woken import Woken


def admission(limit: int = 10, *, mode: str = "parallel", per: str | None = None) -> Admission:
    """Two places for the runs of the flow "f"."""
    found = Admission(limit)
    flow = msgspec.structs.replace(a_flow(name="f"), mode=mode, per=per, max_runs=2)
    found.set_flows({"f": flow})
    return found


@pytest.mark.parametrize(
    ("mode", "per", "free"), [("parallel", None, 2), ("queue", None, 1), ("queue", "data.a", 2)]
)
def test_a_run_that_waits_gives_back_what_it_does_not_exclude(
    mode: str, per: str | None, free: int
) -> None:
    places = admission(mode=mode, per=per)
    places.take("a", "f")
    places.park("a", "f")
    assert (places.active, places.has("a"), places.free("f")) == (0, False, free)
    assert places.may_go_on("a", "f")
    places.take("a", "f")
    assert (places.active, places.free("f")) == (1, 1)
    places.park("a", "f")
    places.release("a")
    assert (places.active, places.free("f")) == (0, 2)


def test_after_a_restart_a_run_that_excludes_others_still_does() -> None:
    places = admission(mode="queue")
    for _ in range(2):
        places.park("a", "f")
    assert (places.free("f"), places.active) == (1, 0)


def test_a_pause_keeps_nobody_from_going_on_but_places_do() -> None:
    places = admission()
    places.pause("f", True)
    assert (places.free("f"), places.may_go_on("x", "f")) == (0, True)
    for run in "ab":
        places.take(run, "f")
    assert not places.may_go_on("x", "f")


def test_the_woken_go_on_in_order_as_places_allow() -> None:
    places = admission()
    woken = Woken(places)
    for run in "abcd":
        woken.add(run, "f")
    assert woken.take(10) == [("a", "f"), ("b", "f")]
    assert woken.take(10) == []
    places.release("a")
    assert woken.take(10) == [("c", "f")]
    woken.add("d", "f", cancel="enough")
    assert woken.take(10) == [("d", "f")], "to its end a run needs no place"
    assert (woken.reason("d"), woken.reason("c")) == ("enough", "")


def test_who_is_woken_while_it_is_taken_up_is_told_of() -> None:
    places = admission()
    woken = Woken(places)
    woken.add("a", "f")
    woken.take(1)
    woken.add("a", "f")
    assert woken.take(1) == []
    assert (woken.came_again("a"), woken.came_again("a")) == (True, False)
    woken.add("a", "f", cancel="enough")
    woken.gone("a")
    assert (woken.came_again("a"), woken.reason("a")) == (False, "")


def test_whether_a_run_that_restarts_take_over_from_only_waits() -> None:
    restarts = Restarts()
    flow = msgspec.structs.replace(a_flow(name="f"), mode="restart")
    restarts.come(flow, OpenRun("a", "f", None))
    restarts.park("a")
    restarts.park("of another flow")
    assert (restarts.is_parked("a"), restarts.is_parked("of another flow")) == (True, False)
    restarts.park("a", waits=False)
    assert not restarts.is_parked("a")


def test_who_is_overdue_needs_no_place_and_keeps_nobody_elses() -> None:
    places = admission()
    for run in "ab":
        places.take(run, "f")
    woken = Woken(places)
    woken.add("x", "f")
    woken.add("late", "f", overdue=True)
    assert woken.take(9) == [("late", "f")]
    assert woken.take(9) == []
    for run in ("late", "a", "b"):
        places.release(run)
    assert woken.take(9) == [("x", "f")]
