"""Runs whose time is over: how many looks at them are kept."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tests.flows.engine.graphs import a_flow
from triphammer.flows.engine.active import ActiveRun
from triphammer.flows.engine.lateness import Lateness
from triphammer.flows.engine.values import RunStart
from triphammer.sensors.codec import new_event

SECOND = 1_000_000


def test_a_run_that_goes_on_again_and_again_is_looked_at_once() -> None:
    looks: list[tuple[int, Callable[[], None]]] = []
    asked: list[tuple[str, int]] = []

    def still(run: str, epoch: int) -> ActiveRun | None:
        asked.append((run, epoch))
        return None

    def at(due: int, action: Callable[[], None]) -> None:
        looks.append((due, action))

    lateness = Lateness(at, still, lambda run, reason: None, lambda late: None)
    flow = msgspec.structs.replace(a_flow(name="f"), timeout=60.0, deadline=30.0)
    event = new_event(id="1", source="s", type="t", data=None, now=0)
    start = RunStart(id="run_1", epoch=1, flow=flow, event=event, params={}, created_at=0)
    for now in range(0, 10 * SECOND, SECOND):
        lateness.watch(start, 0, now)
    assert [due for due, _ in looks] == [60 * SECOND, 30 * SECOND]
    for _, action in looks:
        action()
    assert asked == [("run_1", 1)] * 2
    lateness.watch(start, 0, 90 * SECOND)
    assert (len(looks), len(asked)) == (2, 4), "its time is over: it is looked at at once"
