"""What the page of a run reads, over every kind of store."""

from __future__ import annotations

import pytest

from tests.contracts.store_cases import (
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
from triphammer.flows.journal import Encoded, ErrorInfo, Kept
from triphammer.service.store.contract import FailedAttempt
from triphammer.service.store.run_reads import AttemptTime
from triphammer.service.store.sqlite.store import SqliteStore

__all__ = ["anyio_backend", "kind", "store"]
pytestmark = pytest.mark.anyio
ERROR = ErrorInfo("LookupError", "no such row")


async def test_tasks_come_without_items_and_results(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    items = tuple(a_task(f"enrich[{n}]", "failed" if n % 2 else "succeeded") for n in range(5))
    rows = (a_task("rows"), a_task("enrich", items=5), *items, a_task("load"))
    await one(store, changed(run, tasks=rows))
    found = await store.task_states(run.id, 10)
    assert [(task.name, task.result) for task in found] == [
        ("rows", None),
        ("enrich", None),
        ("load", None),
    ]
    assert [task.name for task in await store.task_states(run.id, 1)] == ["rows"]
    named = await store.task_named(run.id, "rows")
    assert named is not None
    assert named.result == Encoded("json", b"1")
    assert await store.task_named(run.id, "none") is None


async def test_items_come_by_state_and_page(store: SqliteStore) -> None:
    run, other = a_run(), a_run()
    await begun(store, run)
    await begun(store, other)
    items = tuple(a_task(f"enrich[{n}]", "failed" if n % 2 else "succeeded") for n in range(6))
    await one(store, changed(run, tasks=(a_task("enrich", items=6), *items)))
    await one(store, changed(other, tasks=(a_task("enrich", items=1), a_task("enrich[0]"))))

    async def names(state: str | None, after: str | None, limit: int = 10) -> list[str]:
        found = await store.items_of(run.id, "enrich", state=state, after=after, limit=limit)
        return [task.name for task in found]

    assert await names(None, None, 2) == ["enrich[0]", "enrich[1]"]
    assert await names(None, "enrich[3]") == ["enrich[4]", "enrich[5]"]
    assert await names("failed", None) == ["enrich[1]", "enrich[3]", "enrich[5]"]
    assert await names("failed", "enrich[1]") == ["enrich[3]", "enrich[5]"]
    assert await names("waiting", None) == []


async def test_tasks_inside_items_are_counted_by_what_they_are(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    names = [
        "m[0]",
        "m[0]/a",
        "m[0]/in.b",
        "m[10]",
        "m[10]/a",
        "m[10]/n",
        "m[10]/n[3]",
        "m[10]/n[3]/c",
    ]
    await one(store, changed(run, tasks=(a_task("m", items=2), *map(a_task, names))))
    assert sorted(await store.inner_counts(run.id, 10)) == [
        ("m[10]/n[]/c", "succeeded", 1),
        ("m[]/a", "succeeded", 2),
        ("m[]/in.b", "succeeded", 1),
        ("m[]/n", "succeeded", 1),
    ]


async def test_attempts_are_told_of_tasks_and_each_with_its_error(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    failed = (("a", 1, 10, 20, ERROR), ("m[0]", 1, 11, 12, ERROR), ("a", 2, 30, 40, ERROR))
    rows = (a_task("a"), a_task("m", items=1), a_task("m[0]"))
    await one(store, changed(run, tasks=rows, failed_attempts=failed))
    assert await store.attempt_times(run.id, 10) == [
        AttemptTime("a", 1, 10, 20),
        AttemptTime("a", 2, 30, 40),
    ]
    assert await store.attempts_of(run.id, "a", 1) == [FailedAttempt("a", 2, 30, 40, ERROR)]
    assert await store.attempts_of(run.id, "m[0]", 5) == [FailedAttempt("m[0]", 1, 11, 12, ERROR)]


async def test_runs_on_the_end_of_a_run_are_known_by_it(store: SqliteStore) -> None:
    run, first, again, other = a_run(), a_run("mail"), a_run("mail"), a_run("mail")
    await begun(store, run)
    await one(store, accept(ran(an_event(run.id, source="triphammer/runs"), first)))
    await one(store, accept(ran(an_event(f"{run.id}/2", source="triphammer/runs"), again)))
    await one(store, accept(ran(an_event(run.id, source="elsewhere"), other)))
    found = await store.runs_caused("triphammer/runs", run.id, 10)
    assert found == [(first.id, "mail", "queued"), (again.id, "mail", "queued")]
    assert len(await store.runs_caused("triphammer/runs", run.id, 1)) == 1


async def test_files_come_by_task(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    kept = [
        Kept(name=f"{n}.txt", digest="ab" * 32, media_type="text/plain", size=1, at=n, task=task)
        for n, task in enumerate(["a", "b", "a"])
    ]
    await one(store, changed(run, tasks=(a_task("a"), a_task("b")), kept=tuple(kept)))
    found = await store.artifacts_of_task(run.id, "a", 10)
    assert [one.name for one in found] == ["2.txt", "0.txt"]
