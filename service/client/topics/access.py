"""Tokens, and who did what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from triphammer.service.client.calls import Given, route
from triphammer.service.client.listing import Rows, listing
from triphammer.service.client.words import Scope, When, moment

if TYPE_CHECKING:
    from triphammer.service.web import access_models


class AccessCalls:
    """About access."""

    @listing("/api/v1/tokens")
    def tokens(self) -> Rows[access_models.Tokens, access_models.Token]:
        """All tokens, revoked ones too; never their texts."""
        return Rows()

    @route("POST", "/api/v1/tokens", repeatable=False)
    def create_token(
        self, name: str, scopes: Sequence[Scope], *, expires_in: int | None = None
    ) -> Given[access_models.NewToken]:
        """A new token, whose text is told this once; `expires_in` is in seconds."""
        body = {"name": name, "scopes": list(scopes), "expires_in": expires_in}
        return Given(json=body)

    @route("POST", "/api/v1/tokens/{id}/revoke")
    def revoke_token(self, name: str) -> Given[access_models.Token]:
        """Let a token, by name or id, open nothing any more."""
        return Given(path={"id": name})

    @listing("/api/v1/audit")
    def audit(
        self,
        *,
        who: str | None = None,
        action: str | None = None,
        since: When | None = None,
        until: When | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Rows[access_models.AuditLog, access_models.Audited]:
        """Who did what, newest first."""
        return Rows(
            query={
                "who": who,
                "action": action,
                "since": moment(since),
                "until": moment(until),
                "limit": limit,
                "cursor": cursor,
            }
        )
