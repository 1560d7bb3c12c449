"""Live news for consoles: each listener reads at its own pace and may fall behind alone.

Each news has a number. A listener that has gone comes back with the number of the last news it
heard, and hears all that came since, once; or, where that cannot be, that it has missed some.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import islice
from secrets import token_hex
from typing import Literal

import anyio
import msgspec

from triphammer.config.ids import is_row_number

KEPT = 4000
"""News that a listener may be behind."""
Kind = Literal["event", "run", "task", "flow", "part", "backfill", "resync"]


class News(msgspec.Struct, frozen=True):
    """Something of this `kind` changed.

    `id` names the object (an event's key, a run's id, also where the kind is "task", a flow's or
    part's name, a backfill's id), `flow` the flow it belongs to. A listener that missed something
    gets "resync": read everything again.
    """

    kind: Kind
    id: str
    flow: str = ""
    state: str = ""


RESYNC = News("resync", "")


class Hub:
    """Publishes news to whoever listens; to publish never waits and costs the same however many
    listen."""

    def __init__(self, name: str | None = None) -> None:
        self._name = name or token_hex(4)  # numbers of another process are not ours
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
    def listen(self, after: str | None = None) -> Generator[Listener]:
        """A listener to the news published while the context is open, and before it to those that
        came `after` the one of this id."""
        self._listeners += 1
        try:
            yield Listener(self, self._published if after is None else self._number(after))
        finally:
            self._listeners -= 1

    def _number(self, id: str) -> int | None:
        """The number in an id; None for an id that we never gave."""
        name, _, number = id.rpartition("-")
        if name != self._name or not is_row_number(number) or int(number) > self._published:
            return None
        return int(number)

    def id_of(self, number: int) -> str:
        """What names a number to those who may come back."""
        return f"{self._name}-{number}"

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
            return (RESYNC,)
        return tuple(islice(self._latest, kept - count, None))


class Listener:
    """One who listens, and how far it has come; `place` is None when nobody knows."""

    def __init__(self, hub: Hub, place: int | None) -> None:
        self._hub = hub
        self._place = place

    async def receive(self) -> Sequence[News]:
        """What has been published since the last time, at least one. Raises `anyio.EndOfStream`."""
        news = (RESYNC,) if self._place is None else await self._hub.wait_after(self._place)
        self._place = self._hub.published
        return news

    @property
    def place(self) -> int | None:
        """The number of the last news that was heard."""
        return self._place
