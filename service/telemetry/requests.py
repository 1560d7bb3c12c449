"""Counts answered requests by the route that took them, never by what clients write."""

from __future__ import annotations

from collections.abc import Sequence

from triphammer.service.metrics import Counters, Figures, Histograms
from triphammer.service.telemetry import families
from triphammer.service.telemetry.names import OTHER

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Requests:
    """Their number and how long they took."""

    def __init__(self) -> None:
        self._answered = Counters(families.REQUESTS)
        self._seconds = Histograms(families.REQUEST_SECONDS)

    def answered(
        self, route: str, method: str, status: int, seconds: float, *, stream: bool
    ) -> None:
        """A request has its answer. A `stream` lasts for as long as its client likes."""
        method = method if method in METHODS else OTHER
        self._answered.add((route, method, f"{status // 100}xx"))
        if not stream:
            self._seconds.observe((route, method), seconds)

    def read(self) -> Sequence[Figures]:
        """The figures as they stand."""
        return self._answered.read(), self._seconds.read()
