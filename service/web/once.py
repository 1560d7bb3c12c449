"""Idempotency keys: what a client asks for again, because it heard no answer, is done once.

The store remembers the keys of what is done to runs and of backfills for as long as it has those.
Here the answers to the last requests with a key are remembered, whatever they asked for, as long
as the process lives.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triphammer.sensors.headers import Headers
from triphammer.service.access.audit import REPLAYED
from triphammer.service.access.routes import SAFE
from triphammer.service.access.scopes import caller_of
from triphammer.service.web.body import replayed
from triphammer.service.web.problems import problem

KEY = "idempotency-key"
API = "/api/"
MOST = 1000
"""Answers that are remembered."""
LARGEST = 64_000
"""Bytes of an answer that is remembered: all of them together must not fill the memory."""
NO_STORE = "no-store"


class Once:
    """Lets a request with an `Idempotency-Key` through to `inner` once; who asks again gets the
    answer that there was, or waits for the one that is being made.

    What failed is not remembered: it may be tried again. Nor is an answer that says `no-store`.
    The same key with another request is a mistake of the client: 422.
    """

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        key = None
        if scope["method"] not in SAFE and scope["path"].startswith(API):
            key = Headers.of_asgi(scope["headers"]).get(KEY)
        if key is None:
            await self._inner(scope, receive, send)
            return
        body = await _whole(receive)
        name, asked = _name(scope, key), _digest(scope["query_string"], body)
        entry = await self._ended(name)
        if entry is None:
            await self._first(name, _Entry(asked), scope, replayed(body, receive), send)
        elif entry.asked != asked:
            detail = "this Idempotency-Key came with another request: make a new one for each"
            await problem(422, detail)(scope, receive, send)
        elif entry.answer is not None:
            head, rest = entry.answer
            await send({**head, "headers": [*head["headers"], REPLAYED]})
            await send(rest)

    async def _ended(self, name: bytes) -> _Entry | None:
        """The answer that there was; None if the request is the first to be answered."""
        while (entry := self._entries.get(name)) is not None and not entry.ended.is_set():
            await entry.ended.wait()
        return entry  # whatever is in the table and has ended, has an answer

    async def _first(
        self, name: bytes, entry: _Entry, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def noting(message: Message) -> None:
            entry.note(message)
            await send(message)

        self._entries[name] = entry
        try:
            await self._inner(scope, receive, noting)
        finally:
            entry.ended.set()
            if entry.answer is None:
                del self._entries[name]
            self._forget_old()

    def _forget_old(self) -> None:
        while len(self._entries) > MOST:
            oldest, entry = next(iter(self._entries.items()))
            if not entry.ended.is_set():
                self._entries.move_to_end(oldest)
                return
            del self._entries[oldest]


class _Entry:
    """A request that was the first with its key, and the answer where that is worth keeping."""

    def __init__(self, asked: bytes) -> None:
        self.asked = asked
        self.ended = anyio.Event()
        self.answer: tuple[Message, Message] | None = None
        self._head: Message | None = None

    def note(self, message: Message) -> None:
        """Keep a part of the answer."""
        if message["type"] == "http.response.start":
            self._head = message if _is_kept(message) else None
        elif self._head is not None:
            if not message.get("more_body", False) and len(message.get("body", b"")) <= LARGEST:
                self.answer = self._head, message
            self._head = None


def _is_kept(head: Message) -> bool:
    stored = Headers.of_asgi(head["headers"]).get("cache-control", "")
    return 200 <= head["status"] < 300 and NO_STORE not in stored


def _name(scope: Scope, key: str) -> bytes:
    """Keys of one client do not meet those of another, nor those for something else."""
    caller = caller_of(scope)
    who = caller.name if caller.token is None else caller.token
    return _digest(*(part.encode() for part in (who, scope["method"], scope["path"], key)))


def _digest(*parts: bytes) -> bytes:
    found = blake2b(digest_size=16)
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.digest()


async def _whole(receive: Receive) -> bytes:
    """The body, whose size the doors have judged."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
