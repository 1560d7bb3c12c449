"""Live news for consoles: each listener reads at its own pace and may fall behind alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import islice

import anyio
import msgspec

KEPT = 1000
"""News that a listener may be behind."""


class News(msgspec.Struct, frozen=True):
    """Something changed: `kind` is "event", "run", "task", "flow", "part" or "resync".

    `id` names the object (an event's key, a run's id, a flow's or part's name), `flow` the flow it
    belongs to. A listener that fell behind gets "resync": read everything again.
    """

    kind: str
    id: str
    flow: str = ""
    state: str = ""


class Hub:
    """Publishes news to whoever listens; to publish never waits and costs the same however many
    listen."""

    def __init__(self) -> None:
        self._latest: deque[News] = deque(maxlen=KEPT)
        self._published = 0
        self._more: anyio.Event | None = None  # made by whoever waits
        self._closed = False
        self._listeners = 0

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return self._listeners

    def publish(self, news: Sequence[News]) -> None:
        """Tell every listener of `news`, unless the hub is closed."""
        if news and not self._closed:
            self._latest.extend(news)
            self._published += len(news)
            self._wake()

    def _wake(self) -> None:
        if self._more is not None:
            self._more.set()
            self._more = None

    @contextmanager
    def listen(self) -> Generator[Listener]:
        """A listener to the news published while the context is open."""
        self._listeners += 1
        try:
            yield Listener(self)
        finally:
            self._listeners -= 1

    def close(self) -> None:
        """End the listening of all (the daemon stops)."""
        self._closed = True
        self._wake()

    @property
    def published(self) -> int:
        """How many news there have been."""
        return self._published

    async def wait_after(self, place: int) -> Sequence[News]:
        """The news from number `place` on, once there are any; only "resync" if some are gone.

        Raises `anyio.EndOfStream` when there are none and the hub is closed.
        """
        while self._published == place:
            if self._closed:
                raise anyio.EndOfStream
            self._more = self._more or anyio.Event()
            await self._more.wait()
        count, kept = self._published - place, len(self._latest)
        if count > kept:
            return (News("resync", ""),)
        return tuple(islice(self._latest, kept - count, None))


class Listener:
    """One who listens, and how far it has come."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._place = hub.published

    async def receive(self) -> Sequence[News]:
        """What has been published since the last time, at least one. Raises `anyio.EndOfStream`."""
        news = await self._hub.wait_after(self._place)
        self._place = self._hub.published
        return news
