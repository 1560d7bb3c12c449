"""Tokens and the audit log, in every kind of store."""

from __future__ import annotations

import msgspec
import pytest

from tests.contracts.store_cases import NOW, one
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.service.store.access import (
    AddToken,
    AuditPage,
    AuditRow,
    Did,
    PruneAudit,
    RevokeToken,
    TokensUsed,
)
from triphammer.service.store.sqlite.store import SqliteStore

__all__ = ["anyio_backend", "kind", "store"]
pytestmark = pytest.mark.anyio
TOKEN = AddToken(
    id="tok_1", name="ci", digest=b"\x00\xff", scopes=("read", "emit"), created_at=NOW,
    created_by="me", expires_at=NOW + 9,
)  # fmt: skip


def did(number: int, who: str = "ci", action: str = "pause_flow") -> Did:
    return Did(
        at=NOW + number,
        who=who,
        token="tok_1",
        address="10.0.0.1",
        action=action,
        target="shop",
        status=200,
    )


async def test_a_token_is_kept_as_it_was_given(store: SqliteStore) -> None:
    assert await one(store, TOKEN) is True
    (row,) = await store.tokens()
    assert msgspec.structs.asdict(row) == {
        **msgspec.structs.asdict(TOKEN),
        "used_at": None,
        "revoked_at": None,
    }
    assert [row.in_force(at) for at in (NOW, NOW + 8, NOW + 9)] == [True, True, False]


async def test_a_name_is_free_again_once_its_token_is_revoked(store: SqliteStore) -> None:
    again = msgspec.structs.replace(TOKEN, id="tok_2")
    assert await one(store, TOKEN) is True
    assert await one(store, again) is False
    assert await one(store, RevokeToken(id="tok_1", at=NOW + 1)) is True
    assert await one(store, RevokeToken(id="tok_1", at=NOW + 2)) is False
    assert await one(store, again) is True
    first, second = await store.tokens()
    assert (first.revoked_at, first.in_force(NOW)) == (NOW + 1, False)
    assert second.in_force(NOW)


async def test_the_last_use_never_goes_back(store: SqliteStore) -> None:
    await one(store, TOKEN)
    assert await one(store, TokensUsed({"tok_1": 7, "tok_9": 7})) == 1
    assert await one(store, TokensUsed({"tok_1": 5})) == 0
    assert [row.used_at for row in await store.tokens()] == [7]


async def test_the_audit_log_is_read_from_its_end(store: SqliteStore) -> None:
    rows = [did(0), did(1, who="local"), did(2, action="cancel_run")]
    for row in rows:
        assert await one(store, row) is True
    whole = await store.audit(AuditPage())
    assert whole == [AuditRow(seq=n, did=rows[n - 1]) for n in (3, 2, 1)]
    assert [row.seq for row in await store.audit(AuditPage(limit=1))] == [3]
    assert [row.seq for row in await store.audit(AuditPage(before=3))] == [2, 1]
    assert [row.seq for row in await store.audit(AuditPage(who="local"))] == [2]
    assert [row.seq for row in await store.audit(AuditPage(action="cancel_run"))] == [3]
    assert [row.seq for row in await store.audit(AuditPage(since=NOW + 1, until=NOW + 2))] == [2]


async def test_what_is_old_goes_but_for_the_newest(store: SqliteStore) -> None:
    for number in range(5):
        await one(store, did(number))
    assert await one(store, PruneAudit(before=NOW + 3, limit=2)) == 2
    assert await one(store, PruneAudit(before=NOW + 99)) == 2
    assert [row.seq for row in await store.audit(AuditPage())] == [5]
