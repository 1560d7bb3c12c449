"""Many consoles look at the same pages at the same moment: each page is made once for all of them.

A change is news to every open console at once, and each asks for its page again. What the first of
them gets is given to those that ask for it within a moment, as long as there is no further news:
then they would have got the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triphammer.service.access.routes import SAFE
from triphammer.service.access.scopes import caller_of
from triphammer.service.hub import Hub
from triphammer.service.web.seen import Seen, seen_of

MOMENT = 0.25
"""Seconds for which a page is given to others."""
LARGEST = 1 << 20
"""Bytes of a page that is kept that long."""
MOST = 100
PAUSE = 50
"""Milliseconds between two looks at a page while news go on, for each console that is open: all of
them together must not cost more than what they show."""
PAUSE_HEADER = b"triphammer-pause"
APART = ("/api/", "/static/", "/metrics", "/livez", "/readyz")
"""What are no pages."""


class Shared:
    """Stands before the pages of `inner`. Whatever is changed by a request begins anew."""

    def __init__(self, inner: ASGIApp, hub: Hub, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._hub = hub
        self._clock = clock
        self._pages: dict[Hashable, _Page] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["method"] not in SAFE:
            await self._changing(scope, receive, send)
        elif scope["method"] != "GET" or scope["path"].startswith(APART):
            await self._inner(scope, receive, send)
        else:
            await self._page(scope, receive, self._paced(send))

    async def _changing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A page that is being made meanwhile may show what was before, or what came after."""
        self._pages.clear()
        try:
            await self._inner(scope, receive, send)
        finally:
            self._pages.clear()

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(scope)
        key = (scope["path"], scope["query_string"], caller.name, caller.scopes, caller.token)
        made = self._pages.get(key)
        if made is not None and self._is_fresh(made):
            await made.ready.wait()
            if made.messages:
                seen_of(scope).route = made.route
                for message in made.messages:
                    await send(message)
                return
        self._forget()
        page = self._pages[key] = _Page(self._hub.published, self._clock())
        try:
            await self._inner(scope, receive, page.recorded(send, seen_of(scope)))
        finally:
            page.ready.set()

    def _is_fresh(self, page: _Page) -> bool:
        return page.place == self._hub.published and self._clock() - page.began <= MOMENT

    def _forget(self) -> None:
        """Keep what may still be given to others."""
        kept = {key: page for key, page in self._pages.items() if self._is_fresh(page)}
        self._pages = dict(list(kept.items())[-MOST + 1 :])

    def _paced(self, send: Send) -> Send:
        """`send` for an answer that says how seldom its page is to be looked at again."""
        pause = str(PAUSE * self._hub.listeners).encode()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (PAUSE_HEADER, pause)]
                message = {**message, "headers": headers}
            await send(message)

        return sending


class _Page:
    """A page that is made, or was: at which place of the news and when that began."""

    def __init__(self, place: int, began: float) -> None:
        self.place = place
        self.began = began
        self.ready = anyio.Event()
        self.messages: list[Message] = []
        self.route = ""
        self._head: Message | None = None

    def recorded(self, send: Send, seen: Seen) -> Send:
        """`send`, noting what is sent. Who waits gets it as soon as it is made, or makes it
        themselves: the first client may take its own slowly, or never."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._head = message if message["status"] == 200 else None
            else:
                self._end(message, seen.route)
            await send(message)

        return sending

    def _end(self, body: Message, route: str) -> None:
        """What comes in parts is a file that is read as it is sent, and no page."""
        is_whole = not body.get("more_body", False) and not self.ready.is_set()
        if self._head is not None and is_whole and len(body.get("body", b"")) <= LARGEST:
            self.route, self.messages = route, [self._head, body]
        self.ready.set()
