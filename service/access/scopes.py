"""What a caller may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, cast

import msgspec
from starlette.types import Scope as Asgi

Scope = Literal["read", "emit", "operate", "admin"]
Need = Scope | Literal["public"]
"""What a route asks for; `public` asks for nothing."""
SCOPES: tuple[Scope, ...] = ("read", "emit", "operate", "admin")
MEANING: Mapping[Scope, str] = {
    "read": "look at everything but tokens, the audit log and the settings",
    "emit": "post events, and nothing else",
    "operate": "start, cancel, retry, pause, redrive, and read",
    "admin": "everything, tokens, the audit log and the settings too",
}
_HOLDS: Mapping[Scope, frozenset[Scope]] = {
    "read": frozenset({"read"}),
    "emit": frozenset({"emit"}),
    "operate": frozenset({"operate", "read"}),
    "admin": frozenset(SCOPES),
}
_KEY = "triphammer.caller"
BY = b"triphammer-by"
"""The header by which clients of an open daemon say who they are, for the record."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent a request. `token` is the id of theirs, if they have one."""

    name: str
    scopes: frozenset[Scope]
    token: str | None = None

    def may(self, need: Need) -> bool:
        """Whether the caller has what a route asks for."""
        return need == "public" or need in self.scopes


LOCAL = Caller(name="local", scopes=frozenset(SCOPES))
"""Anybody, where the daemon is open."""
NOBODY = Caller(name="nobody", scopes=frozenset())
"""Anybody, where it is not."""


def granted(scopes: Iterable[str]) -> frozenset[Scope]:
    """The scopes with all that they hold; unknown names hold nothing."""
    given = set(scopes)
    return frozenset(held for scope in SCOPES if scope in given for held in _HOLDS[scope])


def caller_of(scope: Asgi) -> Caller:
    """Who sent the request, as the guard has found; nobody where none stands before it."""
    return cast("Caller", scope.get(_KEY, NOBODY))


def became(scope: Asgi, caller: Caller) -> None:
    """Whoever sent the request has said who they are, in what they sent."""
    scope[_KEY] = caller


def admitted(scope: Asgi, caller: Caller) -> Asgi:
    """The request of `caller`. Who has a token is who it says, whatever the request tells."""
    if caller.token is None:
        return {**scope, _KEY: caller}
    others = [item for item in scope["headers"] if item[0] != BY]
    return {**scope, _KEY: caller, "headers": [*others, (BY, caller.name.encode())]}
