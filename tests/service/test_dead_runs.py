"""Dead letters of runs, events and records, over a whole session in memory."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from triphammer import Event, events, flow, start, task
from triphammer.flows.definition import definition_of
from triphammer.sensors.codec import new_event
from triphammer.service.application import dead_letters
from triphammer.service.deadletters import DeadFilter, DeadLetter
from triphammer.service.errors import UnknownDeadLetter
from triphammer.testing import Simulation, simulate

NOW = 1_767_225_600_000_000


@task
def echo(text: str) -> str:
    return text


@flow(on=events(type="go"))
def first(event: Event) -> object:
    return start("later", {"text": event.data})


@flow
def later(text: str) -> object:
    return echo(text)


@pytest.fixture
def sim() -> Generator[Simulation]:
    with simulate(first) as simulation:
        yield simulation


def letters(sim: Simulation) -> list[DeadLetter]:
    door = dead_letters(sim.local.core, lambda: None)
    return list(sim.call(door.page(DeadFilter(), None, 10)))


def test_a_run_of_a_flow_that_was_not_there_is_begun_once_it_is(sim: Simulation) -> None:
    sim.emit(new_event(id="1", source="s", type="go", data="hello", now=NOW))
    [letter] = letters(sim)
    assert (letter.kind, letter.flow) == ("event", "later")
    assert letter.reason == "no flow is named 'later'"
    door = dead_letters(sim.local.core, lambda: None)
    refused = sim.call(door.redrive([letter.id]))
    assert "no flow is named 'later'" in refused.refused[letter.id]
    flows = {f.name: definition_of(f) for f in (first, later)}
    sim.call(sim.local.core.put_into_service(flows))
    key, _, subscription = letter.id.partition("/")
    assert sim.call(door.redrive([f"{key[:-9]}/{subscription}"])).count == 1
    sim.advance(0)
    [run] = sim.runs(later)
    assert (run.state, run.result, run.row.lineage) == ("succeeded", "hello", ("first", "later"))
    assert letters(sim) == []


@pytest.mark.parametrize("id", ["rec_" + "9" * 30, "rec_7", "evt_1", "evt_1/first", "run_1"])
def test_an_id_that_nothing_dead_has(sim: Simulation, id: str) -> None:
    door = dead_letters(sim.local.core, lambda: None)
    for act in (door.redrive, door.skip):
        with pytest.raises(UnknownDeadLetter, match=id):
            sim.call(act([id]))
