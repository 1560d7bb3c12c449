"""Reads request bodies within a limit; a body that is too large is refused before it is read."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from triphammer.config.sizes import format_size
from triphammer.sensors.errors import Rejected
from triphammer.sensors.headers import Headers


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The whole body, at most `limit` bytes.

    Raises `Rejected` 413 as soon as it is more, `ClientDisconnect` when the client goes away.
    """
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(limit)
    return b"".join(chunks)


def replayed(body: bytes, receive: Receive) -> Receive:
    """`receive` for a request whose body has been read already."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _too_large(limit: int) -> Rejected:
    return Rejected(
        413, f"the body is larger than {format_size(limit)}; raise [limits] body to allow more"
    )
