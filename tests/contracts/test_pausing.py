"""Flows and sensors that somebody has paused, in every store."""

from __future__ import annotations

import pytest

from tests.contracts.store_cases import NOW, one
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.service.store.contract import PauseSensor, SetPaused
from triphammer.service.store.sqlite.store import SqliteStore

__all__ = ["anyio_backend", "kind", "store"]
pytestmark = pytest.mark.anyio


async def test_a_paused_flow_is_kept(store: SqliteStore) -> None:
    for flow in ("b", "a", "a"):
        await one(store, SetPaused(flow=flow, paused=True, at=NOW))
    assert await store.paused() == ["a", "b"]
    await one(store, SetPaused(flow="b", paused=False, at=NOW))
    await one(store, SetPaused(flow="c", paused=False, at=NOW))
    assert await store.paused() == ["a"]


async def test_a_sensor_is_paused_until_it_is_resumed(store: SqliteStore) -> None:
    assert await store.paused_sensors() == {}
    for at in (NOW, NOW + 1):
        news = await one(store, PauseSensor(sensor="files:inbox", paused=True, at=at))
        assert news is (at == NOW)
    await one(store, PauseSensor(sensor="webhook:a/b", paused=True, at=NOW))
    assert await store.paused_sensors() == {"files:inbox": NOW, "webhook:a/b": NOW}
    assert await one(store, PauseSensor(sensor="webhook:a/b", paused=False, at=NOW)) is True
    assert await one(store, PauseSensor(sensor="nobody:knows", paused=False, at=NOW)) is False
    assert await store.paused_sensors() == {"files:inbox": NOW}
