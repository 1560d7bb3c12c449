"""Counts answered requests by the route that took them, never by what clients write."""

from __future__ import annotations

from collections.abc import Sequence

from triphammer.service.metrics import Counters, Figures, Histograms
from triphammer.service.telemetry import families
from triphammer.service.telemetry.names import OTHER
from triphammer.service.web.seen import Seen

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Requests:
    """Their number and how long they took."""

    def __init__(self) -> None:
        self._answered = Counters(families.REQUESTS)
        self._seconds = Histograms(families.REQUEST_SECONDS)

    def answered(self, seen: Seen) -> None:
        """A request has its answer. A stream lasts for as long as its client likes."""
        method = seen.method if seen.method in METHODS else OTHER
        self._answered.add((seen.route, method, f"{seen.status // 100}xx"))
        if not seen.stream:
            self._seconds.observe((seen.route, method), seen.seconds)

    def read(self) -> Sequence[Figures]:
        """The figures as they stand."""
        return self._answered.read(), self._seconds.read()
