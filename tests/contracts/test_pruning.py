"""What is old goes and nothing else: over every kind of store, against a reference."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from tests.contracts.store_cases import (
    CLAIM,
    NOW,
    a_message,
    a_run,
    a_task,
    accept,
    an_event,
    begun,
    changed,
    one,
    opening,
    ran,
    running,
)
from tests.contracts.store_fixtures import KINDS
from triphammer.flows.journal import Encoded
from triphammer.sensors.contract import DeadRecord
from triphammer.sensors.event import Event
from triphammer.service.store.contract import (
    Accept,
    Decided,
    NewRun,
    OutboxResult,
    Page,
    Pruned,
    PruneEvents,
    PruneIdentities,
)
from triphammer.service.store.sqlite.store import SqliteStore

DAY = 86_400_000_000
OLD, CUT, FAILED_CUT = NOW - 9 * DAY, NOW - 5 * DAY, NOW - 20 * DAY

pytestmark = pytest.mark.anyio


@pytest.fixture(params=KINDS, ids="-".join)
def kind(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
def anyio_backend(kind: tuple[str, str]) -> str:
    return kind[1]


@pytest.fixture
async def store(kind: tuple[str, str], tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    async with running(opening(kind[0], tmp_path / "data")) as opened:
        yield opened.store


async def prune(
    store: SqliteStore,
    first: PruneEvents | PruneIdentities | None = None,
) -> tuple[int, list[str]]:
    """Every window from the first on; rows and runs that went."""
    unit = first or PruneEvents(before=CUT, failed_before=FAILED_CUT)
    rows, runs = 0, list[str]()
    while True:
        pruned = await one(store, unit)
        assert isinstance(pruned, Pruned)
        rows, runs = rows + pruned.rows, [*runs, *pruned.runs]
        if pruned.after is None:
            return rows, runs
        unit = msgspec.structs.replace(unit, after=pruned.after)


async def newest(store: SqliteStore) -> str:
    """An event and a run that stay whatever happens, being the newest."""
    event = an_event()
    await one(store, accept(ran(event, a_run(created_at=NOW))))
    return event.key


async def ended(store: SqliteStore, *runs: NewRun, at: int = OLD, state: str = "succeeded") -> str:
    """An old event whose runs have ended."""
    event = an_event(now=OLD)
    await begun(store, *runs, event=event)
    for run in runs:
        await one(store, changed(run, state=state, finished_at=at))
    return event.key


async def keys(store: SqliteStore) -> list[str]:
    return [row.event.key for row in reversed(await store.events(Page(limit=500)))]


async def test_an_old_event_goes_with_all_that_belongs_to_it(store: SqliteStore) -> None:
    run, other, message = a_run(), a_run("b"), a_message()
    event = an_event(now=OLD)
    await begun(store, run, other, event=event)
    rows: dict[str, Any] = {"tasks": (a_task("a"), a_task("b")), "outbox": (message,)}
    await one(store, changed(run, state="succeeded", finished_at=OLD, **rows))
    await one(store, changed(other, state="cancelled", finished_at=OLD))
    await one(store, OutboxResult(id=message.id, state="delivered", attempts=1, at=OLD))
    last = await newest(store)
    assert await prune(store) == (1, [run.id, other.id])
    assert await keys(store) == [last]
    assert await store.run(run.id) is None
    assert await store.tasks(run.id) == []
    assert await store.outbox() == []
    assert await store.dispositions(event.key) == []
    assert await store.known_runs([run.id, other.id]) == []


@pytest.mark.parametrize("state", ["queued", "running", "waiting"])
async def test_what_is_unfinished_stays(store: SqliteStore, state: str) -> None:
    run, event = a_run(), an_event(now=OLD)
    if state == "queued":
        await one(store, accept(ran(event, run)))
    else:
        await begun(store, run, event=event)
        await one(store, changed(run, state=state))
    last = await newest(store)
    assert await prune(store) == (0, [])
    assert await keys(store) == [event.key, last]


async def test_an_old_event_with_a_young_run_stays(store: SqliteStore) -> None:
    key = await ended(store, a_run(), at=NOW - DAY)
    last = await newest(store)
    assert await prune(store) == (0, [])
    assert await keys(store) == [key, last]


async def test_a_failed_run_is_a_dead_letter_and_stays_longer(store: SqliteStore) -> None:
    key = await ended(store, a_run(), state="failed")
    await newest(store)
    assert await prune(store) == (0, [])
    unit = PruneEvents(before=CUT, failed_before=CUT)
    rows, _ = await prune(store, unit)
    assert rows == 1
    assert key not in await keys(store)


@pytest.mark.parametrize("state", ["pending", "dead"])
async def test_a_message_that_is_not_delivered_keeps_its_run(
    store: SqliteStore, state: str
) -> None:
    run, message, event = a_run(), a_message(), an_event(now=OLD)
    await begun(store, run, event=event)
    await one(store, changed(run, state="succeeded", finished_at=OLD, outbox=(message,)))
    await one(store, OutboxResult(id=message.id, state=state, attempts=1, due_at=OLD, at=OLD))
    await newest(store)
    assert await prune(store) == (0, [])
    assert len(await store.outbox()) == 1


async def test_a_file_that_is_to_be_moved_keeps_its_event(store: SqliteStore) -> None:
    run, event = a_run(), an_event(now=OLD)
    await begun(store, run, event=event, claim=CLAIM)
    await one(store, changed(run, state="succeeded", finished_at=OLD))
    await newest(store)
    assert await prune(store) == (0, [])
    assert len(await store.claims_due(10)) == 1


async def test_the_newest_stay_so_that_no_number_is_given_twice(store: SqliteStore) -> None:
    key = await ended(store, a_run())
    assert await prune(store) == (0, [])
    (row,) = await store.events(Page())
    assert row.event.key == key
    await one(store, accept(Decided(event=an_event(now=OLD))))
    assert await prune(store) == (0, [])  # the event is not the newest, but its run is


async def test_all_but_the_newest_so_many(store: SqliteStore) -> None:
    old = [await ended(store, a_run(), at=NOW - DAY) for _ in range(7)]
    waiting = an_event()
    await one(store, accept(ran(waiting, a_run())))
    rows, _ = await prune(store, PruneEvents(before=NOW, keep=3, limit=2))
    assert rows == 5
    assert await keys(store) == [*old[5:], waiting.key]


async def test_dead_records_stay(store: SqliteStore) -> None:
    dead = DeadRecord("5", "k", "no JSON", b"\xff")
    await one(store, Accept(dead=(dead,), received_at=OLD))
    await newest(store)
    await prune(store)
    assert [row.record for row in await store.dead_records(Page())] == [dead]


async def test_a_dry_run_changes_nothing(store: SqliteStore) -> None:
    runs = [a_run() for _ in range(5)]
    for run in runs:
        await ended(store, run)
    await newest(store)
    before = await keys(store)
    unit = PruneEvents(before=CUT, failed_before=0, limit=2, dry=True)
    assert await prune(store, unit) == (5, [run.id for run in runs])
    assert await keys(store) == before
    await prune(store)
    forgetting = PruneIdentities(before=NOW + 1, dry=True)
    assert await prune(store, forgetting) == (5, [])
    assert await prune(store, forgetting) == (5, [])


async def test_a_run_of_many_tasks_goes_in_several_transactions(store: SqliteStore) -> None:
    run = a_run()
    event = an_event(now=OLD)
    await begun(store, run, event=event)
    for first in range(0, 2500, 500):
        items = tuple(a_task(f"m[{n}]") for n in range(first, first + 500))
        await one(store, changed(run, tasks=items))
    await one(store, changed(run, state="succeeded", finished_at=OLD))
    await newest(store)
    unit = PruneEvents(before=CUT)
    assert await one(store, unit) == Pruned(rows=0, after=(0, 0))
    assert len(await store.tasks(run.id)) == 1500
    assert await prune(store, unit) == (1, [run.id])
    assert await store.tasks(run.id) == []


async def test_an_identity_outlives_its_event(store: SqliteStore) -> None:
    event = an_event("order-1", now=OLD)
    await one(store, Accept(decided=(Decided(event=event),), received_at=OLD))
    await newest(store)
    assert await prune(store, PruneIdentities(before=NOW)) == (0, [])
    await prune(store)
    assert await store.event_by_id("shop", "order-1") is None
    again = await one(store, accept(ran(an_event("order-1"), a_run())))
    assert isinstance(again, tuple)
    assert again[0].duplicate
    assert await prune(store, PruneIdentities(before=NOW)) == (0, [])  # seen again just now
    assert await prune(store, PruneIdentities(before=NOW + 1)) == (1, [])
    new = await one(store, accept(ran(an_event("order-1"), a_run())))
    assert isinstance(new, tuple)
    assert not new[0].duplicate


async def test_which_artifacts_are_named(store: SqliteStore) -> None:
    by_task, by_run, by_none = ("a" * 64, "b" * 64, "c" * 64)
    run = a_run()
    await begun(store, run)
    row = msgspec.structs.replace(a_task("t"), result=artifact(by_task))
    await one(store, changed(run, tasks=(row,)))
    await one(store, changed(run, state="succeeded", result=artifact(by_run)))
    # What only looks like it: the same text as JSON.
    other = a_run()
    await begun(store, other)
    text = msgspec.structs.replace(a_task("t"), result=Encoded("json", by_none.encode()))
    await one(store, changed(other, tasks=(text,)))
    assert await store.artifacts_named([by_none, by_run, by_task]) == [by_run, by_task]
    assert await store.artifacts_named([]) == []


def artifact(digest: str) -> Encoded:
    return Encoded("artifact", digest.encode(), "json; size=3")


@pytest.mark.parametrize("seed", range(4))
async def test_against_a_reference(store: SqliteStore, seed: int) -> None:
    random = Random(seed)
    expected: list[str] = []
    for _ in range(40):
        event = an_event(now=random.choice([OLD, OLD - DAY, CUT - 1, CUT, NOW]))
        runs = [a_run() for _ in range(random.randrange(3))]
        if not await _lived(store, random, event, runs):
            expected.append(event.key)
    last = await newest(store)
    unit = PruneEvents(before=CUT, failed_before=FAILED_CUT, limit=random.choice([1, 3, 100]))
    await prune(store, unit)
    assert await keys(store) == [*expected, last], f"seed {seed}"
    kept = await store.runs(Page(limit=500))
    assert {row.event for row in kept} <= {*expected, last}


async def _lived(store: SqliteStore, random: Random, event: Event, runs: Sequence[NewRun]) -> bool:
    """Carry out a random life of the event; whether it may go afterwards."""
    await begun(store, *runs, event=event)
    may_go = event.received_at.timestamp() * 1e6 < CUT
    for run in runs:
        state = random.choice(["running", "succeeded", "succeeded", "cancelled", "failed"])
        at = random.choice([FAILED_CUT - 1, OLD, CUT - 1, CUT, NOW])
        if state == "running":
            may_go = False
            continue
        message = a_message() if random.random() < 0.3 else None
        outbox = (message,) if message else ()
        await one(store, changed(run, state=state, finished_at=at, outbox=outbox))
        if message:
            fate = random.choice(["pending", "delivered", "dead"])
            result = OutboxResult(id=message.id, state=fate, attempts=1, due_at=at, at=at)
            await one(store, result)
            may_go = may_go and fate == "delivered"
        may_go = may_go and at < (FAILED_CUT if state == "failed" else CUT)
    return may_go
