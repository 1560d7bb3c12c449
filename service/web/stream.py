"""`GET /api/v1/stream`: news as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from triphammer.service.hub import Hub, News
from triphammer.service.web.problems import problem

QUIET_SECONDS = 15.0
"""A comment is sent after this long without news, so that proxies keep the stream open."""
SENDS_PER_SECOND = 1000
"""Of all streams together: under load they must not cost more than what they tell of."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Streams:
    """Everything that changes, as it changes; `?run=` narrows it to one run.

    A stream holds its connection for as long as its client likes: there are at most `most`.
    """

    def __init__(self, hub: Hub, most: int) -> None:
        self._hub = hub
        self._most = most
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if self._open >= self._most:
            detail = f"{self._most} live streams are open: see [limits] streams and connections"
            await problem(503, detail, headers={"Retry-After": "5"})(scope, receive, send)
            return
        self._open += 1
        try:
            lines = _lines(self._hub, Request(scope).query_params.get("run"))
            answer = StreamingResponse(lines, media_type="text/event-stream", headers=HEADERS)
            await answer(scope, receive, send)
        finally:
            self._open -= 1


async def _lines(hub: Hub, only: str | None) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    with hub.listen() as listener:
        while True:
            news: Sequence[News] | None = None
            with anyio.move_on_after(QUIET_SECONDS):
                try:
                    news = await listener.receive()
                except anyio.EndOfStream:
                    return
            yield b": quiet\n\n" if news is None else _text(news, only)
            # The more streams there are, the more news each of them sends at once.
            await anyio.sleep(hub.listeners / SENDS_PER_SECOND)


def _text(news: Sequence[News], only: str | None) -> bytes:
    return b"".join(
        b"event: " + item.kind.encode() + b"\ndata: " + msgspec.json.encode(item) + b"\n\n"
        for item in news
        if only is None or item.id == only or item.kind == "resync"
    )
