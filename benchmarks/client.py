"""A small HTTP client on raw sockets, so that the client is not what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
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
            writer.write(request(path, body, content_type))
            await _answer(reader)
            took.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(work())
    return Posted(time.perf_counter() - began, took, sent)


def request(path: str, body: bytes, content_type: str) -> bytes:
    """A POST as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader) -> None:
    answer = await read_answer(reader)
    if answer.status != 202:
        raise RuntimeError(f"{answer.status} {answer.body.decode('latin-1')}")


@dataclass(frozen=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """One answer of a connection that stays open."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    # What has not changed has no body, and so no length.
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(first.split()[1]), headers, body)
