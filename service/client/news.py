"""The live stream: server-sent events, read line by line, and where to go on after a break."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

FIRST_PAUSE = 1.0
"""Seconds before a stream that broke off is opened again; the daemon may say another."""
LONGEST_PAUSE = 30.0


class News(msgspec.Struct, frozen=True):
    """Something has changed. `kind`: "event", "run", "task", "flow", "part", "backfill", or
    "resync": news were missed, read again what you show.

    `id` names it: an event's key, a run's id (of a task that of its run), a flow's or part's name,
    a backfill's id; `flow` is the flow that it belongs to. `state` is what it is now, of a task
    "NAME STATE", or nothing where it has logged more. A stream can go on after `place`.
    """

    kind: str
    id: str = ""
    flow: str = ""
    state: str = ""
    place: str = ""


class _Told(msgspec.Struct, frozen=True):
    id: str = ""
    flow: str = ""
    state: str = ""


class Reader:
    """Makes news of the lines of a stream, and remembers where it is."""

    def __init__(self, place: str = "") -> None:
        self.place = place
        """Of the last news that was read."""
        self.pause = FIRST_PAUSE
        """Seconds to wait before the stream is opened again."""
        self._data: list[str] = []
        self._kind = ""
        self._next_place = place

    @property
    def headers(self) -> Mapping[str, str]:
        """What a request sends to go on behind what was read."""
        return {"Last-Event-ID": self.place} if self.place else {}

    def broken(self) -> None:
        """The stream broke off: half a message is none."""
        self._data, self._kind, self._next_place = [], "", self.place

    def feed(self, line: str) -> News | None:
        """The news that this line completes."""
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self._next_place = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.pause = min(int(value) / 1000, LONGEST_PAUSE)
        return None

    def _complete(self) -> News | None:
        data, kind = "\n".join(self._data), self._kind
        self.place = self._next_place
        self._data, self._kind = [], ""
        if not data:
            return None
        told = msgspec.json.decode(data, type=_Told)
        return News(kind, told.id, told.flow, told.state, self.place)


Kind = Literal["event", "run", "task", "flow", "part", "backfill"]
"""What news can be asked for by."""
