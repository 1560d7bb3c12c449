"""What the API answers about access, as types."""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import Meta

from triphammer.service.web.documents import Moment, Page

ScopeName = Annotated[str, Meta(extra_json_schema={"enum": ["read", "emit", "operate", "admin"]})]
TokenState = Annotated[str, Meta(extra_json_schema={"enum": ["in force", "expired", "revoked"]})]


class Token(TypedDict):
    """A token. `used_at` is exact to the minute; `expires_at` is null where it never does."""

    id: str
    name: str
    scopes: list[ScopeName]
    created_at: Moment
    created_by: str
    expires_at: Moment | None
    used_at: Moment | None
    revoked_at: Moment | None
    state: TokenState


class NewToken(Token):
    """A new token with its text, which is told this once."""

    token: str


class Tokens(Page[Token]):
    """All tokens, the oldest first."""


class Audited(TypedDict):
    """Somebody did something, or was refused it. `who` is a token's name, `local` where nobody is
    asked; `status` is what was answered."""

    at: Moment
    who: str
    token: str | None
    address: str
    action: str
    target: str
    status: int


class AuditLog(Page[Audited]):
    """A page of the audit log, newest first."""
