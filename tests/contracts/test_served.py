"""Which flows serve is stored, and what served before."""

from __future__ import annotations

import pytest

from tests.contracts.store_cases import NOW, a_run, accept, an_event, one, ran
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.service.store.sqlite.store import SqliteStore
from triphammer.service.store.versions import SaveVersion, ServedRow, SetServing

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend", "kind", "store"]


async def names(store: SqliteStore) -> dict[str, tuple[str, int, int | None]]:
    return {row.flow: (row.version, row.at, row.removed_at) for row in await store.served()}


async def test_what_serves_replaces_what_served(store: SqliteStore) -> None:
    first = (("a", "v1", "a.py"), ("b", "v1", "b.py"))
    await one(store, SetServing(flows=first, at=NOW))
    await one(store, SetServing(flows=first, at=NOW + 1))
    assert await names(store) == {"a": ("v1", NOW, None), "b": ("v1", NOW, None)}
    await one(store, SetServing(flows=(("a", "v2", "a.py"),), at=NOW + 2))
    await one(store, SetServing(flows=(("a", "v2", "a.py"),), at=NOW + 3))
    assert await names(store) == {"a": ("v2", NOW + 2, None), "b": ("v1", NOW, NOW + 2)}
    await one(store, SetServing(flows=first, at=NOW + 4))
    assert await names(store) == {"a": ("v1", NOW + 4, None), "b": ("v1", NOW + 4, None)}
    await one(store, SetServing(flows=(), at=NOW + 5))
    assert {row.removed_at for row in await store.served()} == {NOW + 5}


async def test_a_flow_with_runs_has_history(store: SqliteStore) -> None:
    run = a_run()
    await one(store, accept(ran(an_event(), run)))
    flows = ((run.flow, "v", "f.py"), ("idle", "v", "f.py"))
    await one(store, SetServing(flows=flows, at=NOW))
    found = {row.flow: row for row in await store.served()}
    assert found["idle"] == ServedRow(
        flow="idle", version="v", file="f.py", at=NOW, removed_at=None, has_history=False
    )
    assert found[run.flow].has_history


async def test_versions_are_found_by_flow_and_by_name(store: SqliteStore) -> None:
    for number, name in enumerate(("abc1", "abc2", "b")):
        for flow in ("f", "g"):
            sources = {"f.py": name}
            await one(
                store,
                SaveVersion(flow=flow, version=name, file="f.py", sources=sources, at=NOW + number),
            )
    assert [row.version for row in await store.versions("f")] == ["b", "abc2", "abc1"]
    assert [row.version for row in await store.versions("other")] == []
    assert [row.version for row in await store.versions_named("abc")] == ["abc1", "abc2"]
    (row,) = await store.versions_named("b")
    assert row.sources == {"f.py": "b"}
    assert list(await store.versions_named("c")) == []
