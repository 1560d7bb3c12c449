"""`GET /api/v1/stream`: news as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse

from triphammer.service.hub import Hub

QUIET_SECONDS = 15.0
"""A comment is sent after this long without news, so that proxies keep the stream open."""


async def stream(request: Request) -> StreamingResponse:
    """Everything that changes, as it changes; `?run=` narrows it to one run."""
    hub: Hub = request.app.state.hub
    only = request.query_params.get("run")
    return StreamingResponse(
        _lines(hub, only),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


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
