"""Stores events with what they bring about; the identities decide which are new."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from triphammer.sensors.contract import Accepted
from triphammer.sensors.event import Event
from triphammer.service.errors import UnknownEvent
from triphammer.service.store.contract import DEAD, Decided
from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.alone import OpenRuns
from triphammer.service.store.sqlite.bulk import Bulk
from triphammer.service.store.sqlite.statements import statements
from triphammer.service.store.sqlite.waits import Waits

Raw = sqlite3.Connection


class Arrival(NamedTuple):
    """An event to store, the catalog it was decided under, and when (microseconds UTC)."""

    decided: Decided
    catalog: str | None
    at: int


class Acceptance:
    """Knows the statements; works within the writer's open transaction.

    Each table is written once for all the events of a stretch of units: statement by
    statement they would take several times as long.
    """

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._sql = sql = statements("writes.sql")
        self._identities = Bulk(sql["add_identity"])
        self._events = Bulk(sql["add_event"])
        self._dispositions = Bulk(sql["add_disposition"])
        self._runs = Bulk(sql["add_run"])
        self._claims = Bulk(sql["add_claim"])

    def accept(self, raw: Raw, arrivals: Sequence[Arrival]) -> list[Accepted]:
        """Store what is new of `arrivals`; one outcome for each, in order."""
        if not arrivals:
            return []
        new = self._claim_identities(raw, arrivals)
        arrivals = self._alone(raw, arrivals, new)
        self._store(raw, [a for a, is_new in zip(arrivals, new, strict=True) if is_new])
        return [
            _accepted(item.decided) if is_new else self._duplicate(raw, item)
            for item, is_new in zip(arrivals, new, strict=True)
        ]

    def _claim_identities(self, raw: Raw, arrivals: Sequence[Arrival]) -> list[bool]:
        """Which events are the first of their identity, those of `arrivals` included."""
        events = [a.decided.event for a in arrivals]
        claimed = self._identities.run(
            raw,
            [(e.source, e.id, e.key, a.at, a.at) for e, a in zip(events, arrivals, strict=True)],
        )
        if claimed == len(events):
            return [True] * len(events)
        if claimed == 0:
            return [False] * len(events)
        # The rows just added have the highest numbers. A key tells nothing: the same event
        # object may be emitted again after a commit of unknown outcome.
        (newest,) = raw.execute(self._sql["newest_identity"]).fetchone()
        left = set(range(newest - claimed + 1, newest + 1))
        return [self._is_first(raw, event, left) for event in events]

    def _is_first(self, raw: Raw, event: Event, left: set[int]) -> bool:
        (seq,) = raw.execute(self._sql["identity"], (event.source, event.id)).fetchone()
        is_first = seq in left
        left.discard(seq)
        return is_first

    def _alone(
        self, raw: Raw, arrivals: Sequence[Arrival], new: Sequence[bool]
    ) -> Sequence[Arrival]:
        """`arrivals` without the runs that were to be alone and are not."""
        if not any(run.alone for item in arrivals for run in item.decided.runs):
            return arrivals
        open_runs = OpenRuns(raw, self._sql)
        return [
            item._replace(decided=open_runs.admit(item.decided)) if is_new else item
            for item, is_new in zip(arrivals, new, strict=True)
        ]

    def _store(self, raw: Raw, arrivals: Sequence[Arrival]) -> None:
        decided = [a.decided for a in arrivals]
        for on in [item.runs_on for item in decided if item.runs_on is not None]:
            if raw.execute(self._sql["event_is_there"], (on.key,)).fetchone() is None:
                raise UnknownEvent(on.key)
        self._events.run(raw, [rows.event_values(a.decided.event, a.catalog) for a in arrivals])
        self._dispositions.run(
            raw,
            [
                (d.event.key, item.subscription, item.flow, item.outcome, item.detail, item.run)
                for d in decided
                for item in d.dispositions
            ],
        )
        self._runs.run(
            raw,
            [
                rows.new_run_values(run, (d.runs_on or d.event).key)
                for d in decided
                for run in d.runs
            ],
        )
        self._waits.arrive(raw, [d.event for d in decided])
        self._claims.run(
            raw, [(d.event.key, rows.packed(d.claim)) for d in decided if d.claim and _taken(d)]
        )

    def _duplicate(self, raw: Raw, arrival: Arrival) -> Accepted:
        event = arrival.decided.event
        values = (event.source, event.id, arrival.at)
        (key,) = raw.execute(self._sql["count_duplicate"], values).fetchone()
        runs = tuple(run for (run,) in raw.execute(self._sql["runs_of_event"], (key,)))
        return Accepted(key, event.id, event.source, duplicate=True, runs=runs)


def _taken(decided: Decided) -> bool:
    """Whether somebody deals with the event's file, or will once an operator has redriven it.
    Else it stays where it is."""
    return bool(decided.runs) or any(d.outcome in DEAD for d in decided.dispositions)


def _accepted(decided: Decided) -> Accepted:
    event = decided.event
    runs = tuple(run.id for run in decided.runs)
    return Accepted(event.key, event.id, event.source, duplicate=False, runs=runs)
