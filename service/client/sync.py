"""The client that waits for each answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, TypeVar

import httpx

from triphammer.service.client.answers import TIMEOUT, address, meant, options, refused, request
from triphammer.service.client.calls import Call
from triphammer.service.client.errors import Refused
from triphammer.service.client.following import Following
from triphammer.service.client.news import News
from triphammer.service.client.scripts import Ask, BlockingPlayer, Listen, Pause, Script
from triphammer.service.client.topics import Topics
from triphammer.service.client.trying import Limits, Trying, unreachable

T = TypeVar("T")


class Client(Topics, BlockingPlayer):
    """Talks to a daemon: `with Client() as client: client.start("orders")`.

    `url` is where it listens, else `TRIPHAMMER_URL`, else where the daemon of the project does
    that the working directory lies in, else port 8420; `token` what it knows you by, else
    `TRIPHAMMER_TOKEN`; `by` names you in the records of a daemon that is open to all; `timeout` is
    in seconds, for one answer. Safe to use by several threads.

    Requests are sent again when the daemon is busy (429, 503) or the connection is lost: at most
    `retries` times, and waiting at most `longest_wait` seconds; not those for the content of files,
    which comes in pieces. What changes something carries an `Idempotency-Key`, so that it is done
    once; what could be done twice all the same is not sent again after a loss. Streams wait up to
    `outage` seconds for a daemon that is away. Raises `ClientError`: `Refused` with the daemon's
    reason, or `Unreachable`.
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
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = address(url)
        """Where the daemon is."""
        self._timeout = timeout
        self._limits = Limits(retries, longest_wait, outage)
        self._sleep = sleep
        self._http = httpx.Client(**options(self.url, token, by, timeout))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections; a `with` block does it."""
        self._http.close()

    def perform(self, call: Call[T]) -> T:
        """What the daemon answers to a call. Raises `Refused`, `Unreachable`."""
        sent, trying = request(call, self._timeout), Trying(call, self.url, self._limits)
        while True:
            lost, pause = None, 0.0
            try:
                answer = self._http.request(**sent)
            except httpx.TransportError as error:
                lost = error
            else:
                wait = trying.after_answer(answer.status_code, answer.headers)
                if wait is None:
                    return meant(call, answer.status_code, answer.headers, answer.content)
                pause = wait
            if lost is not None:  # not above: what is raised shall not show how httpx came to it
                pause = trying.after_loss(lost)
            self._sleep(pause)

    def pieces(self, call: Call[bytes]) -> Generator[bytes, None, None]:
        """A large answer piece by piece. Raises `Refused`, `Unreachable`."""
        try:
            with self._http.stream(**request(call, self._timeout)) as answer:
                if not answer.is_success:
                    body = answer.read()
                    raise refused(answer.status_code, answer.headers, body)
                yield from answer.iter_bytes()
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from None

    def play(self, script: Script[T]) -> Generator[T, None, None]:
        """What a script tells, as it tells it."""
        news: Generator[News, None, None] | None = None
        answer: Any = None
        try:
            while True:
                try:
                    step = script.send(answer)
                except StopIteration:
                    return
                answer = None
                if isinstance(step, Ask):
                    answer = self.perform(step.call)
                elif isinstance(step, Listen):
                    news = news or self._news(step)
                    answer = next(news)
                elif isinstance(step, Pause):
                    self._sleep(step.seconds)
                else:
                    yield step.value
        finally:
            if news is not None:
                news.close()

    def play_to_end(self, script: Script[T]) -> T:
        """The first that a script tells."""
        with closing(self.play(script)) as told:
            return next(told)

    def _news(self, listen: Listen) -> Generator[News, None, None]:
        """The stream for as long as it is wanted, opened again whenever it breaks off."""
        following = Following(listen, self.url, self._limits)
        while True:
            try:
                with self._http.stream(**following.request(self._timeout)) as answer:
                    if not answer.is_success:
                        body = answer.read()
                        raise refused(answer.status_code, answer.headers, body)
                    for line in answer.iter_lines():
                        yield from following.feed(line)
                lost: httpx.TransportError | Refused | None = None
            except (httpx.TransportError, Refused) as error:
                lost = error
            self._sleep(following.lost(lost))
