"""What runs begin or go on with, read for many of them at once."""

from __future__ import annotations

import msgspec
import pytest

from tests.contracts.store_cases import a_run, a_task, accept, an_event, changed, one, ran
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.service.store.contract import ClaimRun
from triphammer.service.store.sqlite.store import SqliteStore

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend", "kind", "store"]


async def test_what_runs_begin_with_is_read_together(store: SqliteStore) -> None:
    shared, own = an_event(data={"n": 1}), an_event()
    runs = [a_run(), a_run("g"), a_run()]
    for event, some in ((shared, runs[:2]), (own, runs[2:])):
        await one(store, accept(ran(event, *some)))
    await one(store, ClaimRun(run=runs[0].id, owner="me"))
    for name in ("b", "a"):
        await one(store, changed(runs[0], tasks=(a_task(name),)))
    rows = [row for run in reversed(runs) if (row := await store.run(run.id)) is not None]
    gone = msgspec.structs.replace(rows[0], event="evt_gone", seq=10**9)
    found = await store.backgrounds([*rows, gone])
    assert [each.event and each.event.event.key for each in found] == [
        own.key,
        shared.key,
        shared.key,
        None,
    ]
    assert [each.event for each in found[:3]] == [await store.event(row.event) for row in rows]
    assert [list(each.tasks) for each in found[:3]] == [await store.tasks(row.id) for row in rows]
    assert [[task.name for task in each.tasks] for each in found] == [[], [], ["b", "a"], []]
    assert await store.backgrounds([]) == []
