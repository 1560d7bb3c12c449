"""A target of outgoing webhooks: answers as a test wants, and keeps what has come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from triphammer.config.durations import DurationLike, seconds
from triphammer.testing.clock import VirtualClock


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target answers, `after` so long."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    after: DurationLike = 0


@dataclass(frozen=True, slots=True)
class Received:
    """One request that came. The names of `headers` are in small letters."""

    headers: Mapping[str, str]
    body: bytes
    at: datetime
    answer: Answer | Exception

    @property
    def value(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


class Receiver:
    """Stands at one URL. Use it through `sim.receiver(url)`."""

    def __init__(self, url: str, clock: VirtualClock) -> None:
        self.url = url
        self.requests: list[Received] = []
        """All requests that came, in order."""
        self._clock = clock
        self._answers: deque[Answer | Exception] = deque()

    def answer(self, *answers: int | Answer | Exception) -> None:
        """What the next requests are answered, one each; those behind them get 200.

        A number is a status. An exception is raised in the place of the network:
        `ConnectionError("refused")`.
        """
        self._answers.extend(Answer(a) if isinstance(a, int) else a for a in answers)

    @property
    def values(self) -> Sequence[Any]:
        """The bodies of all requests as JSON."""
        return [request.value for request in self.requests]

    async def take(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """A request comes; what it is answered."""
        answer = self._answers.popleft() if self._answers else Answer()
        self.requests.append(Received(headers, body, self._clock.time, answer))
        if isinstance(answer, Exception):
            raise answer
        if answer.after:
            await asyncio.sleep(seconds(answer.after))
        return answer
