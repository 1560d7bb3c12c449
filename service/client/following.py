"""The live stream over many connections: what to send, what its lines mean, when to give up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from triphammer.service.client.answers import request
from triphammer.service.client.calls import Call, Given
from triphammer.service.client.errors import Refused
from triphammer.service.client.news import News, Reader
from triphammer.service.client.scripts import Listen
from triphammer.service.client.trying import BUSY, Limits, Outage

TEMPLATE = "/api/v1/stream"
OPENED, MISSED = "opened", "resync"
QUIET = 60.0
"""Seconds without a word after which a connection is dead: the daemon says something every 15."""


class Following:
    """One stream. Its first news is "opened"; where it could not go on after a break, "resync"
    follows."""

    def __init__(self, listen: Listen, url: str, limits: Limits) -> None:
        self._listen = listen
        self._reader = Reader(listen.after)
        self._outage = Outage(url, limits)
        self._ever = self._open = False

    def request(self, timeout: float) -> dict[str, Any]:
        """The arguments of httpx for the next connection."""
        given: Given[Any] = Given(query=self._listen.query, headers=self._reader.headers)
        sent = request(Call("GET", TEMPLATE, given), timeout)
        sent["headers"]["Accept"] = "text/event-stream"
        return {**sent, "timeout": httpx.Timeout(timeout, read=QUIET)}

    def feed(self, line: str) -> Iterator[News]:
        """What a line tells. The daemon listens once the first has come."""
        if not self._open:
            self._outage.over()
            self._open = True
            if not self._ever:
                yield News(OPENED)
            elif not self._reader.place:
                yield News(MISSED)
            self._ever = True
        news = self._reader.feed(line)
        if news is not None:
            yield news

    def lost(self, error: httpx.TransportError | Refused | None) -> float:
        """Seconds after which to open it again. Raises `Unreachable` or `Refused`: no more."""
        self._reader.broken()
        self._open = False
        if isinstance(error, Refused) and not (self._ever and error.status in BUSY):
            raise error
        told, pause = self._outage.lost(error, self._reader.pause)
        if self._listen.lost is not None:
            self._listen.lost(told, pause)
        return pause
