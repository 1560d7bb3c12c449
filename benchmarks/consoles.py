"""Fifty open consoles on a large database: what they cost while nothing and while something
happens, how soon a change is on a page, and what they do to the latency of events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.client import post_all, read_answer
from benchmarks.figures import Figure, percentile
from benchmarks.footprint import cpu_seconds
from benchmarks.pages import AIM, copy_of, full_project
from benchmarks.setting import compiled
from tests.acceptance.process import DaemonProcess

CONSOLES = 50
SECONDS = 10
PAGES = ("/", "/runs", "/events", "/flows", "/flows/shop_00", "/outbox", "/deadletters")
FASTEST = 0.2
"""A console asks for its page no more often; see `static/console.js`."""
EVENTS = 60
EVERY = 0.1
"""Seconds between events while something happens."""
EVENT = b'{"specversion":"1.0","id":"%d","source":"/bench","type":"bench.shop_00","data":{}}'
STRUCTURED = "application/cloudevents+json"


def consoles(folder: Path) -> list[Figure]:
    """Shares of a core, milliseconds."""
    with DaemonProcess(copy_of(full_project(folder), folder), env=compiled()) as daemon:
        return asyncio.run(_measure(daemon))


async def _measure(daemon: DaemonProcess) -> list[Figure]:
    alone = await _posted(daemon, 0)
    busy_alone = await _share(daemon, lambda: _happens(daemon, 1_000))
    async with asyncio.TaskGroup() as group:
        opened = [Console(daemon.url, PAGES[n % len(PAGES)]) for n in range(CONSOLES)]
        tasks = [group.create_task(console.run()) for console in opened]
        await asyncio.sleep(2)
        quiet = await _share(daemon, lambda: asyncio.sleep(SECONDS))
        for console in opened:
            console.fetched = 0
        busy = await _share(daemon, lambda: _happens(daemon, 2_000))
        fetched = sum(console.fetched for console in opened)
        beside = await _posted(daemon, 10_000)
        told, shown = await _told(daemon)
        for task in tasks:
            task.cancel()
    with_events = f"{CONSOLES} consoles while {1 / EVERY:.0f} runs a second come"
    return [
        Figure(f"{CONSOLES} consoles while nothing happens, % of a core", quiet, 10, "%", AIM),
        Figure(f"{with_events}, % of a core", busy, busy_alone, "%", "without consoles"),
        Figure(f"{with_events}, pages fetched", fetched / SECONDS, 5 * CONSOLES, "/s", "at most"),
        Figure("event accepted, p50", percentile(beside, 0.5), percentile(alone, 0.5), "ms", NO),
        Figure("event accepted, p95", percentile(beside, 0.95), percentile(alone, 0.95), "ms", NO),
        Figure("a change is news on a stream, p95", percentile(told, 0.95), 300, "ms", AIM),
        Figure("a change is on the page, p95", percentile(shown, 0.95), 300, "ms", AIM),
    ]


NO = "without consoles"


class Console:
    """An open page as `static/console.js` keeps it live."""

    def __init__(self, url: str, page: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._page = page
        self._wanted = asyncio.Event()
        self._etag = b""
        self.fetched = 0

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._look())

    async def _listen(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(b"GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\n\r\n")
        with suppress(asyncio.IncompleteReadError):
            while True:
                line = await reader.readline()
                if line.startswith(b"event:"):
                    self._wanted.set()

    async def _look(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        while True:
            began = time.perf_counter()
            tag = b"if-none-match: %b\r\n" % self._etag if self._etag else b""
            writer.write(
                b"GET %b HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\n%b\r\n"
                % (self._page.encode(), tag)
            )
            answer = await read_answer(reader)
            self._etag = answer.headers.get("etag", "").encode() or self._etag
            self.fetched += 1
            took = time.perf_counter() - began
            asked = int(answer.headers.get("triphammer-pause", "0")) / 1e3
            await asyncio.sleep(max(FASTEST, asked, 2 * took) - took)
            await self._wanted.wait()
            self._wanted.clear()


async def _share(daemon: DaemonProcess, work: Callable[[], Awaitable[None]]) -> float:
    """Of a core, percent, that the daemon needs meanwhile."""
    began, before = time.perf_counter(), cpu_seconds(daemon.pid)
    await work()
    return 100 * (cpu_seconds(daemon.pid) - before) / (time.perf_counter() - began)


async def _happens(daemon: DaemonProcess, first: int) -> None:
    """Something, for a while."""
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        first += 1
        await post_all(daemon.url, "/api/v1/events", [EVENT % first], 1, STRUCTURED)
        await asyncio.sleep(EVERY)


async def _posted(daemon: DaemonProcess, first: int) -> Sequence[float]:
    """Milliseconds until each of some events was accepted."""
    took: list[float] = []
    for number in range(first, first + EVENTS):
        posted = await post_all(daemon.url, "/api/v1/events", [EVENT % number], 1, STRUCTURED)
        took += [seconds * 1e3 for seconds in posted.took]
        await asyncio.sleep(EVERY)
    return took


async def _told(daemon: DaemonProcess) -> tuple[Sequence[float], Sequence[float]]:
    """Milliseconds from posting an event until it is news, and until a page with it is read."""
    parts = urlsplit(daemon.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    pages, asking = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(b"GET /api/v1/stream?kind=event HTTP/1.1\r\nhost: localhost\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await reader.readuntil(b"\n\n")
    told: list[float] = []
    shown: list[float] = []
    for number in range(20_000, 20_000 + EVENTS):
        began = time.perf_counter()
        await post_all(daemon.url, "/api/v1/events", [EVENT % number], 1, STRUCTURED)
        while not (await reader.readline()).startswith(b"event: event"):
            pass
        told.append((time.perf_counter() - began) * 1e3)
        asking.write(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await read_answer(pages)
        shown.append((time.perf_counter() - began) * 1e3)
        await asyncio.sleep(EVERY)
    writer.close()
    asking.close()
    return told, shown
