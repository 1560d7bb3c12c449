"""Live news for consoles: each listener has its own bounded queue and may fall behind alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

QUEUE = 1000


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
    """Publishes news to whoever listens; publishing never waits."""

    def __init__(self) -> None:
        self._listeners: dict[MemoryObjectSendStream[News], bool] = {}

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def publish(self, news: Sequence[News]) -> None:
        """Hand `news` to every listener; one whose queue is full is told to resync later."""
        for stream, behind in list(self._listeners.items()):
            if behind:
                behind = not _offer(stream, News("resync", ""))
            for item in news:
                if behind:
                    break
                behind = not _offer(stream, item)
            self._listeners[stream] = behind

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[MemoryObjectReceiveStream[News]]:
        """A stream of the news published while the context is open."""
        send, receive = anyio.create_memory_object_stream[News](QUEUE)
        self._listeners[send] = False
        try:
            yield receive
        finally:
            del self._listeners[send]
            send.close()
            receive.close()

    def close(self) -> None:
        """End every listener's stream (the daemon stops)."""
        for stream in self._listeners:
            stream.close()


def _offer(stream: MemoryObjectSendStream[News], item: News) -> bool:
    try:
        stream.send_nowait(item)
    except (anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
        return False
    return True
