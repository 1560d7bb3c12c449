"""A small HTTP client on raw sockets, so that the client is not what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Posted:
    """Seconds in all, seconds of each request, and when each was sent (wall nanoseconds)."""

    seconds: float
    took: Sequence[float]
    sent: Sequence[int]


async def post_all(
    url: str,
    path: str,
    bodies: Sequence[bytes],
    connections: int,
    content_type: str = "application/json",
) -> Posted:
    """Post every body over so many connections; with one, in their order."""
    parts = urlsplit(url)
    waiting = list(reversed(bodies))
    took: list[float] = []
    sent: list[int] = []

    async def work() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while waiting:
            body = waiting.pop()
            sent.append(time.time_ns())
            began = time.perf_counter()
            writer.write(_request(path, body, content_type))
            await _answer(reader)
            took.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(work())
    return Posted(time.perf_counter() - began, took, sent)


def _request(path: str, body: bytes, content_type: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 202"):
        raise RuntimeError(head.decode("latin-1"))
    length = next(
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    await reader.readexactly(length)
