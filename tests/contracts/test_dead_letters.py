"""Dead letters of runs and events, and order by key, in every kind of store."""

from __future__ import annotations

import pytest

from tests.contracts.store_cases import (
    CLAIM,
    ERROR,
    NOW,
    a_run,
    accept,
    an_event,
    begun,
    changed,
    one,
    ran,
)
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.service.store.contract import (
    ClaimRun,
    Crashed,
    Decided,
    Disposition,
    DueClaim,
    NewRun,
    Page,
    Pruned,
    PruneEvents,
    RedriveEvent,
    RedriveRun,
    SkipEvent,
    SkipRun,
)
from triphammer.service.store.sqlite.store import SqliteStore

__all__ = ["anyio_backend", "kind", "store"]
pytestmark = pytest.mark.anyio
DAY = 86_400_000_000


async def ended(store: SqliteStore, run: NewRun, state: str, at: int = NOW) -> None:
    epoch = await one(store, ClaimRun(run=run.id, owner="me"))
    assert isinstance(epoch, int)
    error = ERROR if state == "failed" else None
    await one(store, changed(run, epoch=epoch, state=state, finished_at=at, error=error))


async def ready(store: SqliteStore, limit: int = 100) -> list[str]:
    return [run.id for run in await store.ready("orders", limit)]


async def test_a_failed_run_is_a_dead_letter_until_it_is_dealt_with(store: SqliteStore) -> None:
    event, first, second = an_event(), a_run(), a_run()
    await begun(store, first, second, event=event)
    await ended(store, first, "failed")
    await ended(store, second, "succeeded")
    assert [run.id for run in await store.dead_runs(Page())] == [first.id]
    again = a_run(version="v2")
    assert await one(store, RedriveRun(run=first.id, new=again)) is True
    assert await store.dead_runs(Page()) == []
    assert await one(store, RedriveRun(run=first.id, new=a_run())) is False, "only once"
    assert await one(store, RedriveRun(run=second.id, new=a_run())) is False, "it has succeeded"
    row = await store.run(again.id)
    assert row is not None
    assert (row.event, row.state, row.redrive_of) == (event.key, "queued", first.id)
    old = await store.run(first.id)
    assert old is not None
    assert (old.state, old.settled) == ("failed", "redriven")
    by_run = {d.run: d.detail for d in await store.dispositions(event.key)}
    assert by_run == {again.id: f"redriven: {first.id} had failed", second.id: None}


async def test_a_skipped_run_is_no_dead_letter(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    assert await one(store, SkipRun(run=run.id)) is False, "it is still under way"
    await ended(store, run, "failed")
    assert await one(store, SkipRun(run=run.id)) is True
    assert await one(store, SkipRun(run=run.id)) is False
    assert await store.dead_runs(Page()) == []


async def test_what_was_looked_at_before_it_was_changed_is_left(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    await ended(store, run, "failed")
    assert await one(store, SkipRun(run=run.id, epoch=1)) is False
    assert await one(store, RedriveRun(run=run.id, new=a_run(), epoch=1)) is False
    assert await one(store, SkipRun(run=run.id, epoch=2)) is True


async def test_dead_runs_are_paged_and_filtered(store: SqliteStore) -> None:
    runs = [a_run(f"f{n % 2}") for n in range(5)]
    for number, run in enumerate(runs):
        await begun(store, run)
        await ended(store, run, "failed", at=NOW + number)

    async def found(**page: object) -> list[int]:
        ids = [run.id for run in runs]
        return [ids.index(row.id) for row in await store.dead_runs(Page(**page))]  # type: ignore[arg-type]

    assert await found() == [4, 3, 2, 1, 0]
    assert await found(flow="f0", limit=2) == [4, 2]
    assert await found(since=NOW + 1, until=NOW + 3) == [2, 1]
    third = await store.run(runs[2].id)
    assert third is not None
    assert await found(before=third.seq) == [1, 0]


async def test_an_event_that_could_not_start_its_flow(store: SqliteStore) -> None:
    event, other = an_event(), an_event()
    dead = [Disposition("orders", "orders", "dead-lettered", "data.n is missing")]
    filtered = Disposition("b", "b", "filtered", "no")
    await one(store, accept(Decided(event=event, dispositions=(*dead, filtered))))
    error = Disposition("orders", "orders", "error", "raised")
    await one(store, accept(Decided(event=other, dispositions=(error,))))
    found = await store.dead_events(Page())
    assert [(d.event, d.outcome) for d in found] == [
        (other.key, "error"),
        (event.key, "dead-lettered"),
    ]
    run = a_run()
    unit = RedriveEvent(event=event.key, subscription="orders", new=run)
    assert await one(store, unit) is True
    assert await one(store, unit) is False
    first, second = await store.dispositions(event.key)
    assert (first.outcome, first.run) == ("ran", run.id)
    assert second == filtered
    assert await one(store, SkipEvent(event=other.key, subscription="orders")) is True
    assert [d.outcome for d in await store.dispositions(other.key)] == ["skipped"]
    assert await store.dead_events(Page()) == []


# --- files of dead letters ------------------------------------------------------------------

MISFIT = Disposition("orders", "orders", "dead-lettered", "does not fit")


async def test_a_file_is_done_when_a_redrive_has_mended_its_failure(store: SqliteStore) -> None:
    event, first, second = an_event(), a_run(), a_run("other")
    await begun(store, first, second, event=event, claim=CLAIM)
    await ended(store, first, "failed")
    again = a_run()
    await one(store, RedriveRun(run=first.id, new=again))
    await ended(store, second, "succeeded")
    assert await store.claims_due(10) == [], "the new run needs the file"
    await ended(store, again, "succeeded")
    assert await store.claims_due(10) == [DueClaim(event.key, CLAIM, failed=False)]


async def test_the_file_of_an_event_that_did_not_fit_moves_after_its_redrive(
    store: SqliteStore,
) -> None:
    event, run = an_event(), a_run()
    await one(store, accept(Decided(event=event, dispositions=(MISFIT,), claim=CLAIM)))
    assert await store.claims_due(10) == []
    await one(store, RedriveEvent(event=event.key, subscription="orders", new=run))
    await ended(store, run, "succeeded")
    assert await store.claims_due(10) == [DueClaim(event.key, CLAIM, failed=False)]


async def test_the_file_of_an_event_that_is_skipped_stays_in_place(store: SqliteStore) -> None:
    event = an_event()
    other = Disposition("other", "other", "error", "raised")
    await one(store, accept(Decided(event=event, dispositions=(MISFIT, other), claim=CLAIM)))
    await one(store, accept(Decided(event=an_event())))
    prune = PruneEvents(before=NOW + DAY)
    for subscription in ("orders", "other"):
        assert await one(store, prune) == Pruned(rows=0)
        await one(store, SkipEvent(event=event.key, subscription=subscription))
    assert await store.claims_due(10) == []
    assert await one(store, prune) == Pruned(rows=1)


async def test_of_each_key_the_first_may_run(store: SqliteStore) -> None:
    keys = ["a", "b", "a", None, "b", "a"]
    runs = [a_run(order_key=key) for key in keys]
    await one(store, accept(*(ran(an_event(), run) for run in runs)))
    assert await ready(store) == [runs[0].id, runs[1].id, runs[3].id]
    assert await ready(store, 2) == [runs[0].id, runs[1].id]
    assert sorted(await store.held_keys()) == [("orders", "a", 3), ("orders", "b", 2)]
    await ended(store, runs[0], "succeeded")
    assert await ready(store) == [runs[1].id, runs[2].id, runs[3].id], "oldest first"
    await ended(store, runs[1], "cancelled")
    await ended(store, runs[2], "superseded")
    assert await ready(store) == [runs[3].id, runs[4].id, runs[5].id]


async def test_behind_a_failed_run_its_key_waits_and_others_go_on(store: SqliteStore) -> None:
    runs = [a_run(order_key=key) for key in ("a", "a", "b")]
    await one(store, accept(*(ran(an_event(), run) for run in runs)))
    await ended(store, runs[0], "failed")
    assert await ready(store) == [runs[2].id]
    again = a_run()
    await one(store, RedriveRun(run=runs[0].id, new=again))
    assert await ready(store) == [again.id, runs[2].id], "in the place of the failed one"
    await ended(store, again, "failed")
    assert await ready(store) == [runs[2].id]
    await one(store, SkipRun(run=again.id))
    assert await ready(store) == [runs[1].id, runs[2].id]


async def test_crashes_are_counted_against_runs_that_are_open(store: SqliteStore) -> None:
    first, second, third = a_run(), a_run(), a_run()
    await begun(store, first, second)
    await ended(store, second, "succeeded")
    await one(store, accept(ran(an_event(), third)))
    known = (first.id, second.id, third.id, "run_unknown")
    assert await one(store, Crashed(known)) == 2
    rows = [await store.run(run.id) for run in (first, second, third)]
    assert [row.crashes for row in rows if row is not None] == [1, 0, 1]
