"""`GET /api/v1/stream`: news as server-sent events, which a client can take up again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import get_args

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from triphammer.config.showing import shown
from triphammer.service.hub import KEPT, Hub, Kind, Listener, News
from triphammer.service.web.problems import problem

QUIET_SECONDS = 15.0
"""A comment is sent after this long without news, so that proxies keep the stream open."""
UNTOLD = KEPT // 4
"""After so many news that do not fit a client is told how far it has come, or the place that it
knows of would soon be gone."""
SENDS_PER_SECOND = 250
"""Of all streams together: under load they must not cost more than what they tell of."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
MEDIA_TYPE = "text/event-stream"
RESYNC: Kind = "resync"
KINDS = tuple(kind for kind in get_args(Kind) if kind != RESYNC)
"""What a client may ask for; that it has missed something it is told in any case."""


class Wanted(msgspec.Struct, frozen=True):
    """Which news a client asks for; what is None does not matter."""

    run: str | None = None
    flow: str | None = None
    kinds: frozenset[str] | None = None

    def fits(self, news: News) -> bool:
        """Whether the client wants to hear of this."""
        if news.kind == RESYNC:
            return True
        return (
            (self.run is None or news.id == self.run)
            and (self.flow is None or news.flow == self.flow)
            and (self.kinds is None or news.kind in self.kinds)
        )


class Streams:
    """Everything that changes, as it changes; `?run=`, `?flow=` and `?kind=` narrow it.

    A stream holds its connection for as long as its client likes: there are at most `most`.
    """

    def __init__(self, hub: Hub, most: int) -> None:
        self._hub = hub
        self._most = most
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        request = Request(scope)
        answer = self._refusal(request)
        if answer is None and request.method == "HEAD":
            answer = Response(media_type=MEDIA_TYPE, headers=HEADERS)
        if answer is not None:
            await answer(scope, receive, send)
            return
        self._open += 1
        try:
            async with aclosing(_lines(self._hub, _place(request), _wanted(request))) as lines:
                answer = StreamingResponse(lines, media_type=MEDIA_TYPE, headers=HEADERS)
                await answer(scope, receive, send)
        finally:
            self._open -= 1

    def _refusal(self, request: Request) -> Response | None:
        for kind in request.query_params.getlist("kind"):
            if kind not in KINDS:
                return problem(422, f"there is no kind {shown(kind)}: one of {', '.join(KINDS)}")
        if self._open >= self._most:
            detail = f"{self._most} live streams are open: see [limits] streams and connections"
            return problem(503, detail, headers={"Retry-After": "5"})
        return None


def _wanted(request: Request) -> Wanted:
    query = request.query_params
    kinds = query.getlist("kind")
    return Wanted(query.get("run"), query.get("flow"), frozenset(kinds) if kinds else None)


def _place(request: Request) -> str | None:
    """After which news the client goes on. The header is younger than the address: browsers send
    it when they come back to what they were given first."""
    return request.headers.get("last-event-id") or request.query_params.get("last_event_id") or None


async def _lines(hub: Hub, after: str | None, wanted: Wanted) -> AsyncGenerator[bytes]:
    with hub.listen(after) as listener:
        yield b"retry: 1000\n" + _id(hub, listener) + b"\n"
        due, told = anyio.current_time() + QUIET_SECONDS, listener.place
        while True:
            news: Sequence[News] = ()
            with anyio.move_on_after(due - anyio.current_time()):
                try:
                    news = await listener.receive()
                except anyio.EndOfStream:
                    return
            text = _text(hub, news, hub.published, wanted)
            if not text and (_is_far(told, listener) or anyio.current_time() >= due):
                text = _id(hub, listener) + b": quiet\n\n"
            if text:
                yield text
                due, told = anyio.current_time() + QUIET_SECONDS, listener.place
            # The more streams there are, the more news each of them sends at once.
            await anyio.sleep(hub.listeners / SENDS_PER_SECOND)


def _id(hub: Hub, listener: Listener) -> bytes:
    """How far the client has come. Nothing where nobody knows: it must not forget what it knows
    before it has heard that it missed something."""
    place = listener.place
    return b"" if place is None else b"id: %b\n" % hub.id_of(place).encode()


def _is_far(told: int | None, listener: Listener) -> bool:
    return told is not None and listener.place is not None and listener.place - told >= UNTOLD


def _text(hub: Hub, news: Sequence[News], last: int, wanted: Wanted) -> bytes:
    """The news as events; `last` is the number of the last of them."""
    first = last - len(news) + 1
    return b"".join(
        b"event: %b\nid: %b\ndata: %b\n\n"
        % (item.kind.encode(), hub.id_of(number).encode(), msgspec.json.encode(item))
        for number, item in enumerate(news, start=first)
        if wanted.fits(item)
    )
