"""What the rows of tasks keep, over every kind of store."""

from __future__ import annotations

import msgspec
import pytest

from tests.contracts.store_cases import a_run, a_task, begun, changed, one
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.flows.journal import TaskRow
from triphammer.service.store.sqlite.store import SqliteStore

__all__ = ["anyio_backend", "kind", "store"]
pytestmark = pytest.mark.anyio


async def test_how_far_a_task_is_stays_until_its_next_attempt(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)

    async def after(row: TaskRow) -> tuple[float, float] | None:
        await one(store, changed(run, tasks=(row,)))
        (found,) = await store.tasks(run.id)
        return found.progress

    running = a_task("parse", "running")
    assert await after(running) is None
    assert await after(msgspec.structs.replace(running, progress=(3, 10.5))) == (3, 10.5)
    assert await after(a_task("parse", "retrying")) == (3, 10.5)
    assert await after(msgspec.structs.replace(running, attempt=2)) is None
