"""Outgoing messages that were given up, and endpoints that take no more, in every store."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.store_cases import NOW, a_message, a_run, begun, changed, one
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.service.store.contract import (
    BringForward,
    DeadPage,
    DisableEndpoint,
    EnableEndpoint,
    Endpoint,
    OutboxResult,
    RedriveMessage,
    SkipMessage,
)
from triphammer.service.store.sqlite.store import SqliteStore

__all__ = ["anyio_backend", "kind", "store"]
pytestmark = pytest.mark.anyio


async def _due(store: SqliteStore, now: int = NOW) -> list[str]:
    return [row.message.id for row in await store.outbox_due(now, 10)]


async def test_a_redriven_message_is_first_in_its_line_again(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    await one(store, changed(run, outbox=tuple(a_message(f"a{n}", key="a") for n in range(3))))
    assert await one(store, RedriveMessage(id="a0", at=NOW)) is False
    await one(store, OutboxResult(id="a0", state="dead", attempts=9, error="410 Gone", at=NOW))
    assert await one(store, RedriveMessage(id="a0", at=NOW + 5)) is True
    assert await one(store, RedriveMessage(id="a0", at=NOW + 6)) is False
    assert await _due(store, now=NOW + 4) == []
    (row,) = await store.outbox_due(NOW + 5, 10)
    assert (row.message.id, row.state, row.attempts, row.redriven_at) == (
        "a0",
        "pending",
        0,
        NOW + 5,
    )
    assert (row.created_at, row.dead_at) == (NOW, None)
    assert row == await store.message("a0")
    assert await store.message("a9") is None


async def test_it_is_kept_since_when_a_message_is_tried(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    await one(store, changed(run, outbox=(a_message("m1"),)))
    await one(
        store,
        OutboxResult(id="m1", state="pending", attempts=1, due_at=NOW, trying_since=NOW + 5),
    )
    await one(store, OutboxResult(id="m1", state="pending", attempts=2, due_at=NOW))
    row = await store.message("m1")
    assert row is not None
    assert row.redriven_at == NOW + 5


async def test_a_skipped_message_lets_its_line_go_on(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    await one(store, changed(run, outbox=tuple(a_message(f"a{n}", key="a") for n in range(2))))
    assert await one(store, SkipMessage(id="a0")) is False
    await one(store, OutboxResult(id="a0", state="dead", attempts=9, error="500", at=NOW))
    assert await one(store, SkipMessage(id="a0")) is True
    assert await one(store, SkipMessage(id="a0")) is False
    assert await one(store, RedriveMessage(id="a0", at=NOW)) is False
    assert await _due(store) == ["a1"]
    assert await store.outbox_counts() == {"skipped": 1, "pending": 1}


async def test_dead_messages_are_listed_by_their_death(store: SqliteStore) -> None:
    runs = [a_run(flow) for flow in ("orders", "bills")]
    await begun(store, *runs)
    for number in range(6):
        target = f"http://t{number % 3}"
        message = a_message(f"m{number}", target=target)
        await one(store, changed(runs[number % 2], outbox=(message,)))
    for number, at in [(5, 1), (0, 2), (1, 2), (2, 2), (4, 7)]:
        await one(
            store, OutboxResult(id=f"m{number}", state="dead", attempts=1, error="x", at=NOW + at)
        )

    async def ids(**which: Any) -> list[str]:
        return [row.message.id for row in await store.dead_messages(DeadPage(**which))]

    assert await ids() == ["m4", "m2", "m1", "m0", "m5"]
    assert await ids(limit=2) == ["m4", "m2"]
    assert await ids(before=(NOW + 2, "m2")) == ["m1", "m0", "m5"]
    assert await ids(flow="bills") == ["m1", "m5"]
    assert await ids(target="http://t1") == ["m4", "m1"]
    assert await ids(since=NOW + 2, until=NOW + 7) == ["m2", "m1", "m0"]
    (row,) = await store.dead_messages(DeadPage(limit=1))
    assert (row.dead_at, row.error) == (NOW + 7, "x")


async def test_a_disabled_endpoint_is_enabled_by_itself_or_by_a_redrive(
    store: SqliteStore,
) -> None:
    run = a_run()
    await begun(store, run)
    await one(store, changed(run, outbox=(a_message("m1", target="http://gone"),)))
    await one(store, OutboxResult(id="m1", state="dead", attempts=1, error="410", at=NOW))
    disable = [DisableEndpoint(target=t, reason="410", at=NOW) for t in ("http://gone", "http://a")]
    assert await store.commit(disable) == [True, True]
    assert await one(store, DisableEndpoint(target="http://a", reason="x", at=NOW + 1)) is False
    assert await store.endpoints() == [
        Endpoint(target="http://a", disabled_at=NOW, reason="410"),
        Endpoint(target="http://gone", disabled_at=NOW, reason="410"),
    ]
    assert await one(store, EnableEndpoint(target="http://a")) is True
    assert await one(store, EnableEndpoint(target="http://a")) is False
    await one(store, RedriveMessage(id="m1", at=NOW))
    assert await store.endpoints() == []


async def test_what_waits_for_a_target_is_brought_forward(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    messages = [a_message(id, target=f"http://{id[0]}") for id in ("a1", "a2", "a3", "b1")]
    await one(store, changed(run, outbox=tuple(messages)))
    for id in ("a1", "a2", "b1"):
        await one(store, OutboxResult(id=id, state="pending", attempts=1, due_at=NOW + 99))
    assert await one(store, BringForward(target="http://a", at=NOW + 1)) == 2
    assert await _due(store, now=NOW + 1) == ["a1", "a2", "a3"]
    assert await one(store, BringForward(target="http://a", at=NOW + 1)) == 0
