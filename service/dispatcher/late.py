"""Runs that are under way for longer than their flow's deadline: told of once, by an event."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from functools import partial

from triphammer.config.clock import Clock
from triphammer.flows.engine.values import RunLate
from triphammer.sensors.codec import new_event
from triphammer.sensors.event import Event
from triphammer.service.dispatcher.active import ActiveRuns
from triphammer.service.dispatcher.decide import LINEAGE, RUNS, decide
from triphammer.service.dispatcher.dispatcher import Dispatcher
from triphammer.service.dispatcher.finished import RunAbout
from triphammer.service.store.contract import Accept, Outcome, Store

LATE = "triphammer.run.late"


class LateRuns:
    """`told` counts the runs that were late, by flow, since the start of the daemon."""

    def __init__(
        self,
        *,
        store: Store,
        dispatcher: Dispatcher,
        active: ActiveRuns,
        clock: Clock,
        log: logging.Logger,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._active = active
        self._clock = clock
        self._log = log
        self.told: Counter[str] = Counter()

    def tell(self, late: RunLate) -> None:
        """Make it known. A restart comes here again: the event's identity says that it came."""
        now, catalog = self._clock.now(), self._dispatcher.catalog
        event = late_event(late, self._active.about(late.run), now)
        decided = (decide(event, catalog, now),)
        unit = Accept(decided=decided, catalog=catalog.id, received_at=now)
        self._dispatcher.expect(decided)
        self._store.post([unit], partial(self._committed, unit, late))

    def _committed(self, unit: Accept, late: RunLate, outcomes: Sequence[Outcome]) -> None:
        try:
            if isinstance(outcomes[0], Exception):
                self._log.warning("that run %s is late was not stored: %s", late.run, outcomes[0])
                return
            (accepted,) = self._dispatcher.accepted(
                unit.decided, outcomes[0], "run", unit.received_at
            )
        finally:
            self._dispatcher.expect_no_more(unit.decided)
        if not accepted.duplicate:
            self.told[late.flow] += 1
            text = "run %s of %s is late: it has not ended within %g s"
            self._log.warning(text, late.run, late.flow, late.deadline)


def late_event(late: RunLate, about: RunAbout, now: int) -> Event:
    """The event of a late run. Its id is made of the run's: it comes once."""
    data = {
        "run": late.run,
        "flow": late.flow,
        "deadline": late.deadline,
        "event": about.event,
        "params": about.params,
        "url": f"/runs/{late.run}",
    }
    return new_event(
        id=about.each_time(f"{late.run}/late"),
        source=RUNS,
        type=LATE,
        subject=late.flow,
        data=data,
        now=now,
        extensions={LINEAGE: ",".join(about.lineage)},
    )
