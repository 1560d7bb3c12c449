"""Problem documents as pages, for whoever reads with a browser: one door for all that is refused,
missing or broken."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triphammer.sensors.headers import Headers
from triphammer.service.web.pages import Pages
from triphammer.service.web.problems import MEDIA_TYPE

PROGRAMS = ("/api/", "/hooks/", "/metrics", "/livez", "/readyz")
"""Where programs ask: they are answered as programs, whatever they accept."""
AWAY = 503
PASSED_ON = frozenset((b"retry-after", b"allow", b"www-authenticate"))
"""Headers of the problem that its page has as well."""


def wants_page(scope: Scope, headers: Headers) -> bool:
    """Whether a reader's browser asks for a page of the console."""
    path: str = scope["path"]
    return not path.startswith(PROGRAMS) and "text/html" in headers.get("accept", "")


class FaultPages:
    """Sends the problem documents of `inner` to browsers as pages of the same status."""

    def __init__(self, inner: ASGIApp, pages: Pages) -> None:
        self._inner = inner
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] == "http" and wants_page(scope, Headers.of_asgi(scope["headers"])):
            answer = _Answer(self._pages, scope, receive, send)
            await self._inner(scope, receive, answer.send)
        else:
            await self._inner(scope, receive, send)


class _Answer:
    """One answer: a problem is held back until all of it is there."""

    def __init__(self, pages: Pages, scope: Scope, receive: Receive, send: Send) -> None:
        self._pages = pages
        self._scope = scope
        self._receive = receive
        self._send = send
        self._headers: dict[bytes, bytes] | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            headers = {name.lower(): value for name, value in message.get("headers", ())}
            if headers.get(b"content-type", b"").startswith(MEDIA_TYPE.encode()):
                self._headers = headers
                return
        if self._headers is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._show(msgspec.json.decode(self._body), self._headers)

    async def _show(self, problem: Any, headers: dict[bytes, bytes]) -> None:
        kept = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in headers.items()
            if name in PASSED_ON
        }
        status, reason = problem["status"], problem["detail"]
        again = status == AWAY and self._scope["method"] == "GET"
        address = quote(self._scope["path"]) if self._scope["method"] == "POST" else ""
        page = self._pages.fault(status, reason, kept, again=again, address=address)
        await page(self._scope, self._receive, self._send)
