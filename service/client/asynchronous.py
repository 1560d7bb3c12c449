"""The client whose answers are awaited, on asyncio and on trio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, TypeVar

import anyio
import httpx

from triphammer.service.client.answers import TIMEOUT, address, meant, options, refused, request
from triphammer.service.client.calls import Call
from triphammer.service.client.errors import Refused
from triphammer.service.client.following import Following
from triphammer.service.client.news import News
from triphammer.service.client.scripts import Ask, AwaitingPlayer, Listen, Pause, Script
from triphammer.service.client.topics import Topics
from triphammer.service.client.trying import Limits, Trying, unreachable

T = TypeVar("T")
Part = TypeVar("Part", bytes, str)


class AsyncClient(Topics, AwaitingPlayer):
    """Talks to a daemon: `async with AsyncClient() as client: await client.start("orders")`.

    All that `Client` has, with the same arguments. What is iterated there is iterated here by
    `async for`; who leaves such a loop early closes it (`contextlib.aclosing`).
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        by: str = "",
        timeout: float = TIMEOUT,
        retries: int = 4,
        longest_wait: float = 30.0,
        outage: float = 300.0,
    ) -> None:
        self.url = address(url)
        """Where the daemon is."""
        self._timeout = timeout
        self._limits = Limits(retries, longest_wait, outage)
        self._http = httpx.AsyncClient(**options(self.url, token, by, timeout))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close its connections; an `async with` block does it."""
        await self._http.aclose()

    async def perform(self, call: Call[T]) -> T:
        """What the daemon answers to a call. Raises `Refused`, `Unreachable`."""
        sent, trying = request(call, self._timeout), Trying(call, self.url, self._limits)
        while True:
            lost, pause = None, 0.0
            try:
                answer = await self._http.request(**sent)
            except httpx.TransportError as error:
                lost = error
            else:
                wait = trying.after_answer(answer.status_code, answer.headers)
                if wait is None:
                    return meant(call, answer.status_code, answer.headers, answer.content)
                pause = wait
            if lost is not None:  # not above: what is raised shall not show how httpx came to it
                pause = trying.after_loss(lost)
            await anyio.sleep(pause)

    async def pieces(self, call: Call[bytes]) -> AsyncGenerator[bytes, None]:
        """A large answer piece by piece. Raises `Refused`, `Unreachable`."""
        try:
            async with self._http.stream(**request(call, self._timeout)) as answer:
                if not answer.is_success:
                    raise refused(answer.status_code, answer.headers, await answer.aread())
                async with _closing(answer, answer.aiter_bytes()) as pieces:
                    async for piece in pieces:
                        yield piece
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from None

    async def play(self, script: Script[T]) -> AsyncGenerator[T, None]:
        """What a script tells, as it tells it."""
        news: AsyncGenerator[News, None] | None = None
        answer: Any = None
        try:
            while True:
                try:
                    step = script.send(answer)
                except StopIteration:
                    return
                answer = None
                if isinstance(step, Ask):
                    answer = await self.perform(step.call)
                elif isinstance(step, Listen):
                    news = news or self._news(step)
                    answer = await anext(news)
                elif isinstance(step, Pause):
                    await anyio.sleep(step.seconds)
                else:
                    yield step.value
        finally:
            if news is not None:
                await news.aclose()

    async def play_to_end(self, script: Script[T]) -> T:
        """The first that a script tells."""
        async with aclosing(self.play(script)) as told:
            return await anext(told)

    async def _news(self, listen: Listen) -> AsyncGenerator[News, None]:
        """The stream for as long as it is wanted, opened again whenever it breaks off."""
        following = Following(listen, self.url, self._limits)
        while True:
            try:
                async with self._http.stream(**following.request(self._timeout)) as answer:
                    if not answer.is_success:
                        raise refused(answer.status_code, answer.headers, await answer.aread())
                    async with _closing(answer, answer.aiter_lines()) as lines:
                        async for line in lines:
                            for news in following.feed(line):
                                yield news
                lost: httpx.TransportError | Refused | None = None
            except (httpx.TransportError, Refused) as error:
                lost = error
            await anyio.sleep(following.lost(lost))


@asynccontextmanager
async def _closing(
    answer: httpx.Response, parts: AsyncIterator[Part]
) -> AsyncGenerator[AsyncIterator[Part]]:
    """The parts of an answer. httpx leaves the generators behind them, if they are not read to
    their end, to the garbage collector, and trio warns of that: read on after the answer is
    closed, they end."""
    try:
        yield parts
    finally:
        await answer.aclose()
        with suppress(httpx.HTTPError, httpx.StreamError):
            async for _ in parts:
                pass
