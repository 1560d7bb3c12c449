"""`GET /api/v1/stream`: news as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from triphammer.service.hub import Hub
from triphammer.service.web.problems import problem

QUIET_SECONDS = 15.0
"""A comment is sent after this long without news, so that proxies keep the stream open."""
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
    async with hub.listen() as news:
        while True:
            item = None
            with anyio.move_on_after(QUIET_SECONDS) as quiet:
                try:
                    item = await news.receive()
                except anyio.EndOfStream:
                    return
            if quiet.cancelled_caught or item is None:
                yield b": quiet\n\n"
            elif only is None or item.id == only or item.kind == "resync":
                data = msgspec.json.encode(item)
                yield b"event: " + item.kind.encode() + b"\ndata: " + data + b"\n\n"
