"""Tokens and the audit log in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from triphammer.service.store.access import (
    AddToken,
    AuditPage,
    AuditRow,
    Did,
    PruneAudit,
    RevokeToken,
    TokenRow,
    TokensUsed,
)
from triphammer.service.store.sqlite.statements import statements

Raw = sqlite3.Connection
SQL = statements("access.sql")


class Access:
    """Knows the statements; works within the writer's open transaction."""

    def by_type(self) -> Mapping[type, Callable[[Raw, Any], bool | int]]:
        """What carries out each unit."""
        return {
            AddToken: self.add,
            RevokeToken: self.revoke,
            TokensUsed: self.used,
            Did: self.did,
            PruneAudit: self.prune,
        }

    def add(self, raw: Raw, unit: AddToken) -> bool:
        scopes = msgspec.json.encode(unit.scopes).decode()
        made = (unit.created_at, unit.created_by, unit.expires_at)
        values = (unit.id, unit.name, unit.digest, scopes, *made)
        return raw.execute(SQL["add_token"], values).rowcount > 0

    def revoke(self, raw: Raw, unit: RevokeToken) -> bool:
        return raw.execute(SQL["revoke_token"], (unit.id, unit.at)).rowcount > 0

    def used(self, raw: Raw, unit: TokensUsed) -> int:
        return sum(raw.execute(SQL["token_used"], item).rowcount for item in unit.at.items())

    def did(self, raw: Raw, unit: Did) -> bool:
        raw.execute(SQL["did"], msgspec.structs.astuple(unit))
        return True

    def prune(self, raw: Raw, unit: PruneAudit) -> int:
        return raw.execute(SQL["prune_audit"], (unit.before, unit.limit)).rowcount


def token_rows(raw: Raw) -> Sequence[TokenRow]:
    """All tokens, the oldest first."""
    found = _named(raw, SQL["tokens"])
    return [TokenRow(scopes=_scopes(row.pop("scopes")), **row) for row in found]


def audit_rows(page: AuditPage, raw: Raw) -> Sequence[AuditRow]:
    """A page of the audit log, newest first."""
    narrowed = (page.limit, page.before, page.who, page.action, page.since, page.until)
    found = _named(raw, SQL["audit"], *narrowed)
    return [AuditRow(seq=row.pop("seq"), did=Did(**row)) for row in found]


def _scopes(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...])


def _named(raw: Raw, sql: str, *values: Any) -> list[dict[str, Any]]:
    cursor = raw.cursor()
    cursor.row_factory = sqlite3.Row
    return [dict(row) for row in cursor.execute(sql, values).fetchall()]
