"""Who may do what, and who did: tokens and the audit log, as they are stored."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class AddToken(msgspec.Struct, frozen=True, kw_only=True):
    """A new token, by the digest of its text. Outcome: False when one in force has its name."""

    id: str
    name: str
    digest: bytes
    scopes: tuple[str, ...]
    created_at: int
    created_by: str
    expires_at: int | None = None


class RevokeToken(msgspec.Struct, frozen=True, kw_only=True):
    """Let a token open nothing any more. Outcome: whether it was in force."""

    id: str
    at: int


class TokensUsed(msgspec.Struct, frozen=True):
    """When tokens were used last, by id. Outcome: how many there are."""

    at: Mapping[str, int]


class Did(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody did something, or was refused it. `who` is a token's name, or `local`; `status`
    is what HTTP answered. Outcome: True."""

    at: int
    who: str
    token: str | None
    address: str
    action: str
    target: str
    status: int


class PruneAudit(msgspec.Struct, frozen=True, kw_only=True):
    """Forget what was done before `before`, `limit` rows at most. Outcome: how many went."""

    before: int
    limit: int = 1000


AccessUnit = AddToken | RevokeToken | TokensUsed | Did | PruneAudit


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """A token, revoked ones too. `expires_at` None: never."""

    id: str
    name: str
    digest: bytes
    scopes: tuple[str, ...]
    created_at: int
    created_by: str
    expires_at: int | None
    used_at: int | None
    revoked_at: int | None

    def in_force(self, now: int) -> bool:
        """Whether it opens anything at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the audit log, and its number."""

    seq: int
    did: Did

    @property
    def size(self) -> int:
        """Bytes, about, of what clients choose."""
        return len(self.did.target)


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of the audit log: newest first, `before` is a `seq` to go on from."""

    limit: int = 50
    before: int | None = None
    who: str | None = None
    action: str | None = None
    since: int | None = None
    until: int | None = None
