"""Queued runs begin: none is forgotten, whatever happens while the store is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from random import Random
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from msgspec.structs import replace

from triphammer import Event, events, flow, task
from triphammer.flows.journal import RunChange
from triphammer.sensors.codec import new_event
from triphammer.sensors.contract import Emission
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.dispatcher.journal import Done
from triphammer.service.dispatcher.redrive import Redrive
from triphammer.service.store.contract import Page, RunRow
from triphammer.service.store.trouble import store_trouble
from triphammer.testing import SimulatedRun, Simulation, simulate

NOW = 1_767_225_600_000_000
booking: dict[str, asyncio.Event] = {}
journal: list[str] = []
begun: list[str] = []


@task
async def book(order: str) -> None:
    begun.append(order)
    await booking[order].wait()


def good(event: Event) -> bool:
    if event.data.pop("bad", False):
        raise ValueError("bad")
    return True


@flow(on=events(type="order").where(good), order_by="data.customer")
def orders(event: Event) -> object:
    return book(event.id)


@flow(on=events(type="parcel"), max_runs=2)
def parcels(event: Event) -> object:
    return book(event.id)


@pytest.fixture
def sim() -> Generator[Simulation]:
    booking.clear()
    begun.clear()
    with simulate(orders, parcels) as simulation:
        yield simulation


def order(customer: str, number: int) -> Event:
    return an_event("order", f"{customer}{number}", {"customer": customer})


def parcel(number: int) -> Event:
    return an_event("parcel", f"p{number}", None)


def an_event(type: str, id: str, data: Any) -> Event:
    booking[id] = asyncio.Event()
    return new_event(id=id, source="s", type=type, data=data, now=NOW)


def states(runs: Sequence[SimulatedRun]) -> list[str]:
    return [run.state for run in runs]


async def cancel(sim: Simulation, row: RunRow) -> None:
    """What an operator does."""
    if not sim.local.core.engine.cancel(row.id, "by an operator"):
        sim.local.core.starter.withdraw(row)


class Held:
    """A call of the store: its first answer is held up, though its effect is not."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self._go = asyncio.Event()
        self.asked = False

    async def __call__(self, *args: Any, **named: Any) -> Any:
        answer = await self._call(*args, **named)
        if not self.asked:
            self.asked = True
            await self._go.wait()
        return answer

    def let_go(self) -> None:
        self._go.set()


def hold(sim: Simulation, what: str, monkeypatch: pytest.MonkeyPatch) -> Held:
    """Hold up the next answer of the store to `what`."""
    held = Held(getattr(sim.local.store, what))
    monkeypatch.setattr(sim.local.store, what, held)
    return held


def end(sim: Simulation, *ids: str) -> None:
    for id in ids:
        booking[id].set()
    sim.advance(0)


async def emit_beside(sim: Simulation, event: Event, held: Held) -> asyncio.Task[Sequence[str]]:
    """Emit `event`, and leave that when the commit's answer is held up."""
    emitting = asyncio.get_running_loop().create_task(sim.local.emit(event))
    while not held.asked:
        await checkpoint()
    return emitting


def test_the_next_of_a_key_begins_whose_turn_comes_while_the_queue_is_read(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [sim.emit(order(customer, number)) for customer in "ab" for number in (1, 2)]
    held = hold(sim, "ready", monkeypatch)
    end(sim, "a1")
    assert held.asked
    end(sim, "b1")
    held.let_go()
    end(sim, "a2", "b2")
    assert states(runs) == ["succeeded"] * 4


class Slow:
    """A read of the store that takes some time."""

    def __init__(self, read: Callable[..., Any], random: Random) -> None:
        self._read = read
        self._random = random

    async def __call__(self, *args: Any, **named: Any) -> Any:
        await asyncio.sleep(self._random.choice((0, 0.01, 0.1)))
        rows = await self._read(*args, **named)
        await asyncio.sleep(self._random.choice((0, 0.01, 0.1)))
        return rows


@task
async def note(order: str, seconds: float) -> None:
    journal.append(f"{order} begins")
    await asyncio.sleep(seconds)
    journal.append(f"{order} ends")


@flow(on=events(type="order"), order_by="data.customer", max_runs=3)
def noted(event: Event) -> object:
    return note(event.id, event.data["seconds"])


@pytest.mark.parametrize("seed", range(20))
def test_one_after_the_other_of_each_key_whatever_the_timing(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    journal.clear()
    ids: dict[str, list[str]] = {"a": [], "b": [], "c": [], "": []}
    with simulate(noted) as sim:
        for read in ("ready", "event"):
            slow = Slow(getattr(sim.local.store, read), random)
            monkeypatch.setattr(sim.local.store, read, slow)
        for number in range(40):
            customer = random.choice(list(ids))
            ids[customer].append(f"{customer}{number}")
            data = {"customer": customer or None, "seconds": random.choice((0, 0.01, 0.1, 1))}
            sim.emit(
                new_event(id=f"{customer}{number}", source="s", type="order", data=data, now=NOW)
            )
            sim.advance(random.choice((0, 0, 0.01, 0.3)))
        sim.advance("1h")
        assert states(sim.runs()) == ["succeeded"] * 40
    for customer in "abc":
        told = [entry for entry in journal if entry.startswith(customer)]
        assert told == [f"{id} {what}" for id in ids[customer] for what in ("begins", "ends")]


def test_a_run_that_is_read_before_it_is_offered_begins_once(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 4):
        sim.emit(parcel(number))
    held = hold(sim, "commit", monkeypatch)
    emitting = sim.call(emit_beside(sim, parcel(4), held))
    end(sim, "p1")
    end(sim, "p2")
    held.let_go()
    sim.advance(0)
    assert emitting.done()
    assert begun == ["p1", "p2", "p3", "p4"]
    assert sim.local.core.starter.queued == 0


def test_a_run_that_has_ended_while_the_queue_was_read_does_not_begin_again(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [sim.emit(parcel(number)) for number in range(1, 6)]
    end(sim, "p1")
    held = hold(sim, "ready", monkeypatch)
    end(sim, "p2")
    assert held.asked
    assert begun == ["p1", "p2", "p3"]
    sim.call(cancel(sim, runs[2].row))
    sim.advance(0)
    held.let_go()
    sim.advance(1)
    assert begun == ["p1", "p2", "p3", "p4", "p5"]
    assert states(runs[2:]) == ["cancelled", "running", "running"]
    assert sim.local.core.starter.queued == 0


def test_places_that_others_took_while_the_queue_was_read_are_theirs(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim.local.core.admission, "_limit", 2)
    for event in (order("a", 1), parcel(1), order("b", 1)):
        sim.emit(event)
    held = hold(sim, "ready", monkeypatch)
    end(sim, "a1")
    sim.emit(parcel(2))
    held.let_go()
    sim.advance(0)
    assert begun == ["a1", "p1", "p2"]
    end(sim, "p1")
    assert begun == ["a1", "p1", "p2", "b1"]


def test_a_run_begins_although_a_reload_came_between_its_commit_and_its_beginning(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    core, held = sim.local.core, hold(sim, "commit", monkeypatch)
    sim.call(emit_beside(sim, parcel(1), held))
    newer = {name: replace(flow, version="2") for name, flow in core.library.live.items()}
    sim.call(core.put_into_service(newer))
    held.let_go()
    end(sim, "p1")
    assert states(sim.runs()) == ["succeeded"]


def test_an_event_that_starts_its_flow_after_all_waits_for_those_of_its_key(
    sim: Simulation,
) -> None:
    core = sim.local.core
    redrive = Redrive(
        store=sim.local.store,
        library=core.library,
        starter=core.starter,
        clock=core.edges.clock,
        hub=core.hub,
    )
    with pytest.raises(LookupError):
        sim.emit(an_event("order", "a1", {"customer": "a", "bad": True}))
    sim.emit(order("a", 2))
    (dead,) = sim.call(sim.local.store.dead_events(Page()))
    new = sim.call(redrive.event(dead.event, dead.subscription))
    assert new.order_key == '"a"'
    assert begun == ["a2"]
    end(sim, "a2")
    assert begun == ["a2", "a1"]


def test_a_run_that_is_cancelled_as_it_begins_does_not_and_is_counted_once(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = [sim.emit(order("a", number)) for number in (1, 2, 3)]
    starter = sim.local.core.starter
    assert starter.queued == 2
    held = hold(sim, "backgrounds", monkeypatch)
    end(sim, "a1")
    assert held.asked
    sim.call(cancel(sim, second.row))
    assert starter.queued == 1
    held.let_go()
    sim.advance(1)
    assert states([first, second, third]) == ["succeeded", "cancelled", "running"]


def test_a_run_begins_although_its_sensor_was_cancelled_during_the_commit(
    sim: Simulation,
) -> None:
    event = order("a", 1)
    booking["a1"].set()

    async def emit() -> None:
        async with anyio.create_task_group() as sensor:
            sensor.start_soon(sim.local.core.dispatcher.emit, "s", Emission(events=(event,)))
            await checkpoint()  # it waits for the commit
            sensor.cancel_scope.cancel()

    sim.call(emit())
    sim.advance(0)
    assert states(sim.runs()) == ["succeeded"]


def test_a_store_that_cannot_be_read_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon begins anew with an open store; that it could not read is no fault of the run."""
    posted: list[str | None] = []
    away = StoreUnavailable("disk I/O error")

    async def read(_: Sequence[RunRow]) -> None:
        raise away

    def run() -> None:
        with simulate(parcels) as sim:
            for number in range(1, 4):
                sim.emit(parcel(number))
            journal = sim.local.core.journal
            post = journal.post

            def noted(changes: Sequence[RunChange], done: Done) -> None:
                posted.extend(change.state for change in changes)
                post(changes, done)

            monkeypatch.setattr(journal, "post", noted)
            monkeypatch.setattr(sim.local.store, "backgrounds", read)
            end(sim, "p1")

    with pytest.raises((BaseExceptionGroup, StoreUnavailable)) as caught:
        run()
    assert store_trouble(caught.value) is away, "the daemon knows what to do"
    assert "failed" not in posted
