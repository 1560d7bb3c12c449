"""Headers that every answer has, whoever made it: what browsers must not do with it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DEFAULTS: Mapping[bytes, bytes] = {
    # Pages say themselves what they load; nothing else loads anything.
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    # Not no-referrer: browsers would send the forms of our own pages with `Origin: null`.
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}
FILES = "/static/"
REVALIDATED = {**DEFAULTS, b"cache-control": b"no-cache"}
"""Those of files: they are kept, and asked about."""


class Sealed:
    """Adds to the answers of `inner` those headers that they do not have."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        defaults = REVALIDATED if scope.get("path", "").startswith(FILES) else DEFAULTS

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                given += [item for item in defaults.items() if item[0] not in names]
                message = {**message, "headers": given}
            await send(message)

        await self._inner(scope, receive, sealed)
