"""Reads request bodies within a limit; a body that is too large is refused before it is read."""

from __future__ import annotations

from starlette.requests import Request

from triphammer.config.sizes import format_size
from triphammer.sensors.errors import Rejected


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, at most `limit` bytes. Raises `Rejected` 413 as soon as it is more."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> Rejected:
    return Rejected(
        413, f"the body is larger than {format_size(limit)}; raise [limits] body to allow more"
    )
