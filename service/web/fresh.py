"""ETags: who has an answer already is told so (304), instead of being sent it again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triphammer.sensors.headers import Headers
from triphammer.service.web.shared import PAUSE_HEADER

MOST = 1 << 20
"""Bytes of an answer that is given an ETag: of larger ones making it takes longer than it saves."""
KEPT = {b"etag", b"cache-control", b"content-security-policy", b"vary", PAUSE_HEADER}
"""Headers of an answer that the 304 in its place has as well."""
_TAG = re.compile(r'(?:W/)?("[^"]*")')

Header = tuple[bytes, bytes]


class Fresh:
    """Gives what `inner` answers to GET and HEAD a weak ETag, unless it has one, and answers
    `If-None-Match`.

    The tag is made of the answer itself: nothing can change and keep it. What is streamed (live
    news, large files) is passed on as it comes. That answers are not to be stored (`Sealed`) stays:
    those in a browser's store would outlive the signing out. Clients keep what they have at hand.
    """

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["method"] in ("GET", "HEAD"):
            send = _Answer(scope, send).send
        await self._inner(scope, receive, send)


class _Answer:
    """One answer: its head waits for the body."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._has = Headers.of_asgi(scope["headers"]).get("if-none-match")
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        """Send a part of the answer, in the place of the part that the application sends."""
        if message["type"] == "http.response.start" and message["status"] == 200:
            self._head = message
            return
        if self._head is not None:
            head, self._head = self._head, None
            body: bytes = message.get("body", b"")
            if not message.get("more_body", False) and len(body) <= MOST:
                head, message = self._tagged(head, message, body)
            await self._send(head)
        await self._send(message)

    def _tagged(self, head: Message, message: Message, body: bytes) -> tuple[Message, Message]:
        headers: list[Header] = list(head.get("headers", ()))
        names = {name.lower(): value for name, value in headers}
        tag = names.get(b"etag")
        if tag is None:
            if not body:  # a HEAD that was answered without making what it asks about
                return head, message
            tag = b'W/"%b"' % blake2b(body, digest_size=16).hexdigest().encode()
            headers.append((b"etag", tag))
        if not self._is_had(tag.decode("latin-1")):
            return {**head, "headers": headers}, message
        return (
            {**head, "status": 304, "headers": list(_kept(headers))},
            {"type": "http.response.body", "body": b""},
        )

    def _is_had(self, tag: str) -> bool:
        """Whether the client has named this tag, weak or not; `*` names all."""
        if self._has is None:
            return False
        return self._has.strip() == "*" or _TAG.sub(r"\1", tag) in _TAG.findall(self._has)


def _kept(headers: Iterable[Header]) -> Iterable[Header]:
    return ((name, value) for name, value in headers if name.lower() in KEPT)
