"""The durable mapping of a flow, in every kind of store."""

from __future__ import annotations

import pytest

from tests.contracts.store_cases import a_run, begun, changed, one
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.service.store.contract import WriteState
from triphammer.service.store.sqlite.store import SqliteStore

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend", "kind", "store"]


async def test_state_is_written_with_the_change(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    await one(store, changed(run, state_writes={"a": b"1", "b": b"2"}))
    await one(store, changed(run, state_writes={"a": b"3", "b": None, "c": None}))
    assert await store.flow_state("orders") == {"a": b"3"}
    assert await store.flow_state("other") == {}


async def test_state_is_written_from_outside_a_run(store: SqliteStore) -> None:
    assert await one(store, WriteState(flow="orders", writes={"a": b"1", "b": b"2"})) is True
    stale = WriteState(flow="orders", writes={"a": b"9", "c": b"9"}, expected={"a": b"2"})
    assert await one(store, stale) is False
    assert await one(store, WriteState(flow="orders", writes={}, expected={"c": b"1"})) is False
    assert await store.flow_state("orders") == {"a": b"1", "b": b"2"}
    expected = {"a": b"1", "c": None}
    fits = WriteState(flow="orders", writes={"a": None, "c": b"3"}, expected=expected)
    assert await one(store, fits) is True
    assert await store.flow_state("orders") == {"b": b"2", "c": b"3"}
