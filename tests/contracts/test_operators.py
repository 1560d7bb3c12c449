"""What operators do to runs, in every kind of store."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.store_cases import (
    CLAIM,
    ERROR,
    NOW,
    a_run,
    a_task,
    accept,
    an_event,
    begun,
    changed,
    one,
    ran,
)
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.service.store.contract import (
    ClaimMoved,
    ClaimRun,
    DueClaim,
    NewRun,
    Page,
    RedriveRun,
    SkipRun,
    Stale,
)
from triphammer.service.store.operator_units import (
    TAGS,
    Annotate,
    MarkRun,
    MarkTask,
    Operation,
    RetryRun,
)
from triphammer.service.store.sqlite.store import SqliteStore

__all__ = ["anyio_backend", "kind", "store"]

pytestmark = pytest.mark.anyio


def retry(run: NewRun, *anew: str, epoch: int = 1, key: str | None = None) -> RetryRun:
    operation = Operation(run=run.id, at=NOW, by="me", what="retry", detail="all", key=key)
    return RetryRun(operation=operation, epoch=epoch, anew=anew)


async def ended(store: SqliteStore, run: NewRun, state: str = "failed", **fields: Any) -> None:
    """A run that began and ended."""
    await begun(store, run, **fields)
    await end(store, run, state)


async def end(store: SqliteStore, run: NewRun, state: str, epoch: int = 1) -> None:
    error = ERROR if state == "failed" else None
    unit = changed(run, epoch=epoch, state=state, finished_at=NOW, error=error)
    assert await one(store, unit) == ()


async def ready(store: SqliteStore) -> list[str]:
    return [row.id for row in await store.ready("orders", 100)]


async def test_a_run_that_has_ended_is_queued_again(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    rows = (
        a_task("kept"),
        a_task("failed", "failed", error=ERROR, finished_at=NOW),
        a_task("kept[0]", "failed", items=3),
    )
    await one(store, changed(run, tasks=rows))
    assert await one(store, retry(run)) is False, "it is under way"
    await end(store, run, "failed")
    assert await one(store, retry(run, "failed", "kept[0]", epoch=0)) is False, "of another life"
    assert await one(store, retry(run, "failed", "kept[0]")) is True
    assert await one(store, retry(run)) is False, "it has not ended again"
    row = await store.run(run.id)
    assert row is not None
    told = (row.state, row.epoch, row.retried, row.started_at, row.finished_at, row.error)
    assert told == ("queued", 2, 1, None, None, None)
    assert await store.dead_runs(Page()) == []
    kept, failed, item = await store.tasks(run.id)
    assert kept == rows[0]
    for again in (failed, item):
        assert (again.state, again.attempt, again.earlier) == ("pending", 1, 1)
        assert (again.started_at, again.error, again.items) == (None, None, None)
    assert [(o.by, o.what, o.detail) for o in await store.operations(run.id)] == [
        ("me", "retry", "all")
    ]


async def test_what_an_old_life_brings_is_refused_and_attempts_go_on_counting(
    store: SqliteStore,
) -> None:
    run = a_run()
    await ended(store, run)
    await one(store, retry(run))
    assert await one(store, changed(run, tasks=(a_task("late"),))) == Stale()
    assert await one(store, ClaimRun(run=run.id, owner="me")) == 3
    third = a_task("a", "retrying")
    await one(store, changed(run, epoch=3, tasks=(third,)))
    await end(store, run, "failed", 3)
    await one(store, retry(run, "a", epoch=3))
    await one(store, changed(run, epoch=4, tasks=(a_task("a", "skipped"),)))
    (row,) = await store.tasks(run.id)
    assert (row.state, row.attempt, row.earlier) == ("skipped", 1, 1)


async def test_with_a_key_it_is_retried_once(store: SqliteStore) -> None:
    run, other = a_run(), a_run()
    await ended(store, run)
    await ended(store, other)
    assert await one(store, retry(run, key="k")) is True
    await end(store, run, "failed", 2)
    assert await one(store, retry(run, epoch=2, key="k")) is False
    assert await one(store, retry(other, key="k")) is True, "another run"
    assert await one(store, retry(run, epoch=2)) is True


@pytest.mark.parametrize("parks", [True, False])
@pytest.mark.parametrize("state", ["failed", "succeeded", "cancelled"])
async def test_it_takes_its_place_in_the_order_again(
    store: SqliteStore, parks: bool, state: str
) -> None:
    first, second, third = (a_run(order_key="k", parks=parks) for _ in range(3))
    await ended(store, first, state)
    await one(store, accept(ran(an_event(), second)))
    await one(store, retry(first))
    await one(store, accept(ran(an_event(), third)))
    assert await store.held_keys() == [("orders", "k", 3)]
    holds = parks and state == "failed"
    line = [first, second, third] if holds else [second, first, third]
    epochs = {first.id: 2, second.id: 0, third.id: 0}
    for run in line:
        assert await ready(store) == [run.id]
        await one(store, changed(run, epoch=epochs[run.id], state="running", started_at=NOW))
        assert await ready(store) == [], "one after the other"
        await end(store, run, "succeeded", epochs[run.id])


async def test_many_that_are_retried_go_before_what_comes_later(store: SqliteStore) -> None:
    old = [a_run(order_key="k", parks=False) for _ in range(3)]
    for run in old:
        await ended(store, run, "succeeded")
    for run in reversed(old):
        await one(store, retry(run))
    new = a_run(order_key="k", parks=False)
    await one(store, accept(ran(an_event(), new)))
    for run in (*reversed(old), new):
        assert await ready(store) == [run.id]
        epoch = 2 if run in old else 0
        await end(store, run, "succeeded", epoch)


async def test_a_skipped_dead_letter_may_be_retried_and_a_redriven_one_not(
    store: SqliteStore,
) -> None:
    skipped, redriven = a_run(), a_run()
    for run in (skipped, redriven):
        await ended(store, run)
    await one(store, SkipRun(run=skipped.id))
    await one(store, RedriveRun(run=redriven.id, new=a_run()))
    assert await one(store, retry(redriven, epoch=2)) is False
    assert await one(store, retry(skipped)) is False, "it was looked at before it was skipped"
    assert await one(store, retry(skipped, epoch=2)) is True
    await end(store, skipped, "failed", 3)
    assert [row.id for row in await store.dead_runs(Page())] == [skipped.id]


async def test_a_file_that_is_not_moved_yet_waits_again(store: SqliteStore) -> None:
    run, event = a_run(), an_event()
    await ended(store, run, event=event, claim=CLAIM)
    assert await store.claims_due(9) == [DueClaim(event.key, CLAIM, True)]
    await one(store, retry(run))
    assert await store.claims_due(9) == []
    await end(store, run, "succeeded", 2)
    assert await store.claims_due(9) == [DueClaim(event.key, CLAIM, False)]
    await one(store, ClaimMoved(event=event.key, moved_to="/in/done/a.csv"))
    assert await one(store, retry(run, epoch=2)) is True
    await end(store, run, "failed", 3)
    assert await store.claims_due(9) == [], "it has its fate"


def done(run: NewRun, what: str = "mark", key: str | None = None) -> Operation:
    return Operation(run=run.id, at=NOW, by="me", what=what, key=key)


async def test_a_task_of_an_ended_run_is_marked(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    rows = (a_task("m", "failed"), a_task("m[0]", "failed"), a_task("other"))
    await one(store, changed(run, tasks=rows))
    mark = MarkTask(operation=done(run), epoch=1, row=a_task("m[0]"), anew=("m",))
    assert await one(store, mark) is False, "it is under way"
    await end(store, run, "failed")
    assert await one(store, mark) is True
    assert await one(store, mark) is False, "another epoch"
    outer, item, other = await store.tasks(run.id)
    assert (item.state, item.attempt, outer.state, outer.earlier) == ("succeeded", 1, "pending", 1)
    assert other == rows[2]
    row = await store.run(run.id)
    assert row is not None
    assert (row.state, row.epoch) == ("failed", 2)
    assert await one(store, retry(run)) is False, "asked for before the mark"


@pytest.mark.parametrize("parks", [True, False])
async def test_a_run_that_is_marked_succeeded_is_no_dead_letter(
    store: SqliteStore, parks: bool
) -> None:
    run, behind = a_run(order_key="k", parks=parks), a_run(order_key="k", parks=parks)
    await ended(store, run)
    await one(store, accept(ran(an_event(), behind)))
    mark = MarkRun(operation=done(run, key="k"), epoch=1, state="succeeded")
    assert await one(store, mark) is True
    assert await ready(store) == [behind.id]
    assert await store.dead_runs(Page()) == []
    assert await one(store, mark) is False
    failed = MarkRun(operation=done(run), epoch=2, state="failed", error=ERROR)
    assert await one(store, failed) is True
    assert [(row.id, row.error) for row in await store.dead_runs(Page())] == [(run.id, ERROR)]
    assert await ready(store) == [behind.id], "it keeps nobody waiting"


async def test_notes_and_tags(store: SqliteStore) -> None:
    runs = [a_run() for _ in range(3)]
    for run in runs:
        await one(store, accept(ran(an_event(), run)))
    first, second, _ = runs
    assert await one(store, Annotate(operation=done(first, "note"), note="see ticket 7")) is True
    tagged = Annotate(operation=done(first, "tag"), add=("b", "a", "b"))
    assert await one(store, tagged) is True
    assert await one(store, Annotate(operation=done(second, "tag"), add=("a",))) is True
    row = await store.run(first.id)
    assert row is not None
    assert (row.note, row.tags) == ("see ticket 7", ("b", "a"))
    assert [r.id for r in await store.runs(Page(tag="a"))] == [second.id, first.id]
    both = Annotate(operation=done(first, "tag"), add=("c",), remove=("a", "x"))
    assert await one(store, both) is True
    assert [r.id for r in await store.runs(Page(tag="a", flow="orders"))] == [second.id]
    assert [r.tags for r in await store.runs(Page(tag="c"))] == [("b", "c")]
    many = tuple(str(n) for n in range(TAGS - 1))
    assert await one(store, Annotate(operation=done(first), add=many)) is False
    assert await one(store, Annotate(operation=done(a_run()), note="of nobody")) is False
    assert [o.what for o in await store.operations(first.id)] == ["note", "tag", "tag"]
