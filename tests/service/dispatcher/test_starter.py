"""Queued runs begin: none is forgotten, whatever happens while the store is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from random import Random
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from triphammer import Event, events, flow, task
from triphammer.sensors.codec import new_event
from triphammer.sensors.contract import Emission
from triphammer.service.store.contract import RunRow
from triphammer.testing import SimulatedRun, Simulation, simulate

NOW = 1_767_225_600_000_000
booking: dict[str, asyncio.Event] = {}
journal: list[str] = []


@task
async def book(order: str) -> None:
    await booking[order].wait()


@flow(on=events(type="order"), order_by="data.customer")
def orders(event: Event) -> object:
    return book(event.id)


@pytest.fixture
def sim() -> Generator[Simulation]:
    booking.clear()
    with simulate(orders) as simulation:
        yield simulation


def order(customer: str, number: int) -> Event:
    id = f"{customer}{number}"
    booking[id] = asyncio.Event()
    return new_event(id=id, source="s", type="order", data={"customer": customer}, now=NOW)


def states(runs: Sequence[SimulatedRun]) -> list[str]:
    return [run.state for run in runs]


class Held:
    """A read of the store whose first answer is held up."""

    def __init__(self, read: Callable[..., Any]) -> None:
        self._read = read
        self._go = asyncio.Event()
        self.asked = False

    async def __call__(self, *args: Any, **named: Any) -> Sequence[RunRow]:
        rows: Sequence[RunRow] = await self._read(*args, **named)
        self.asked = True
        await self._go.wait()
        return rows

    def let_go(self) -> None:
        self._go.set()


@pytest.mark.parametrize("read", ["queued_heads", "queued"])
def test_the_next_of_a_key_begins_whose_turn_comes_while_the_queue_is_read(
    sim: Simulation, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [sim.emit(order(customer, number)) for customer in "ab" for number in (1, 2)]
    held = Held(getattr(sim.local.store, read))
    monkeypatch.setattr(sim.local.store, read, held)
    booking["a1"].set()
    sim.advance(0)
    assert held.asked
    booking["b1"].set()
    sim.advance(0)
    held.let_go()
    booking["a2"].set()
    booking["b2"].set()
    sim.advance(0)
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
        for read in ("queued_heads", "queued", "event"):
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


def test_a_run_that_is_cancelled_as_it_begins_is_not_counted_twice(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, second, _ = [sim.emit(order("a", number)) for number in (1, 2, 3)]
    starter = sim.local.core.starter
    assert starter.queued == 2
    held = Held(sim.local.store.event)
    monkeypatch.setattr(sim.local.store, "event", held)
    booking["a1"].set()
    sim.advance(0)
    assert held.asked
    starter.withdrawn(second.row)
    assert starter.queued == 1


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
