"""Looking again whenever the daemon has news, and no more often than eyes can follow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import anyio

from triphammer.service.cli.outage import tell_lost
from triphammer.service.client.asynchronous import AsyncClient
from triphammer.service.client.news import News

PAUSE = 0.2
"""Seconds between two looks, however much happens."""
MOST = 10_000
"""Different things that news may tell of between two looks; beyond it they say: everything."""
EVERYTHING = News("resync")
Look = Callable[[list[News]], Awaitable[bool]]


class Heard:
    """News since the last look: of each thing the last."""

    def __init__(self) -> None:
        self._news: dict[tuple[str, str], News] = {}
        self._more = anyio.Event()

    def add(self, news: News) -> None:
        """Remember, and let whoever waits go on."""
        if len(self._news) >= MOST:
            self._news = {("resync", ""): EVERYTHING}
        self._news.pop((news.kind, news.id), None)
        self._news[news.kind, news.id] = news
        self._more.set()

    async def take(self) -> list[News]:
        """What has been heard, at least one, in order."""
        await self._more.wait()
        self._more = anyio.Event()
        news, self._news = list(self._news.values()), {}
        return news


async def watch(daemon: AsyncClient, look: Look, asked: Mapping[str, Any]) -> None:
    """Call `look` with the news of a stream that is narrowed by `asked`, until it says that it
    has seen all. Its first news say that the stream is open: what it sees then is followed by
    news of whatever changes."""
    heard = Heard()
    async with anyio.create_task_group() as group:
        group.start_soon(_hear, daemon, heard, asked, name="news")
        while True:
            if await look(await heard.take()):
                break
            await anyio.sleep(PAUSE)
        group.cancel_scope.cancel()


async def _hear(daemon: AsyncClient, heard: Heard, asked: Mapping[str, Any]) -> None:
    async with aclosing(daemon.stream(**asked, opened=True, lost=tell_lost)) as stream:
        async for news in stream:
            heard.add(news)
