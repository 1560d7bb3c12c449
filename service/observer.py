"""Who is told of what has happened, once it is stored: metrics, traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from triphammer.flows.journal import RunChange
from triphammer.sensors.contract import Accepted
from triphammer.service.dispatcher.finished import RunAbout
from triphammer.service.store.contract import Decided, OutboxRow
from triphammer.service.store.deliveries import OutboxResult


class Observer(Protocol):
    """Told on the service loop; must be quick, wait for nothing and raise nothing.

    Times are microseconds UTC.
    """

    def taken(
        self, kind: str, decided: Sequence[Decided], accepted: Sequence[Accepted], began: int
    ) -> None:
        """Events of a source of this kind are stored; they were looked at from `began` on."""
        ...

    def turned_away(self, kind: str, outcome: str, count: int = 1) -> None:
        """Occurrences did not become events: `refused`, or kept as `dead` records."""
        ...

    def changed(self, change: RunChange, about: RunAbout | None, started_at: int | None) -> None:
        """A change of a run is stored. `about` is None where it is not known any more."""
        ...

    def attempted(self, row: OutboxRow, result: OutboxResult, began: int) -> None:
        """An attempt to deliver a message, which began at `began`, has come to `result`."""
        ...
