"""Runs that are asked for on an event that is stored already."""

from __future__ import annotations

import msgspec
import pytest

from tests.contracts.store_cases import a_run, accept, an_event, one, ran
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.sensors.contract import Accepted
from triphammer.service.errors import UnknownEvent
from triphammer.service.store.contract import Accept, Page
from triphammer.service.store.sqlite.store import SqliteStore

__all__ = ["anyio_backend", "kind", "store"]
pytestmark = pytest.mark.anyio


async def taken(store: SqliteStore, unit: Accept) -> Accepted:
    outcome = await one(store, unit)
    assert isinstance(outcome, tuple)
    return outcome[0]


async def test_runs_on_a_stored_event_are_none_of_its_own(store: SqliteStore) -> None:
    stored, own = an_event("1"), a_run()
    await one(store, accept(ran(stored, own)))
    asked, run = an_event("2"), a_run(subscription="manual")
    unit = accept(msgspec.structs.replace(ran(asked, run), runs_on=stored))
    await one(store, unit)
    assert [row.event for row in await store.runs(Page())] == [stored.key, stored.key]
    again = await taken(store, unit)
    assert (again.key, again.runs) == (asked.key, (run.id,))
    duplicate = await taken(store, accept(ran(an_event("1"))))
    assert duplicate.runs == (own.id,)


async def test_no_run_is_on_an_event_that_is_not_there(store: SqliteStore) -> None:
    nowhere = msgspec.structs.replace(ran(an_event("a"), a_run()), runs_on=an_event("b"))
    good = ran(an_event("c"), a_run())
    refused, accepted = await store.commit([accept(nowhere), accept(good)])
    assert isinstance(refused, UnknownEvent)
    assert isinstance(accepted, tuple)
    assert [row.id for row in await store.runs(Page())] == [good.runs[0].id]
    assert await store.event(nowhere.event.key) is None
