"""Stores events with what they bring about; the identities decide which are new."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from triphammer.sensors.contract import Accepted
from triphammer.sensors.event import Event
from triphammer.service.store.contract import Decided
from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.statements import statements

Raw = sqlite3.Connection


class Acceptance:
    """Knows the statements; works within the writer's open transaction.

    Statement by statement a Kafka batch would take twice as long: each table is written once
    for all the events of a unit.
    """

    def __init__(self) -> None:
        self._sql = statements("writes.sql")

    def accept(
        self, raw: Raw, decided: Sequence[Decided], catalog: str | None, at: int
    ) -> tuple[Accepted, ...]:
        """Store what is new of `decided`; one outcome for each, in order."""
        if not decided:
            return ()
        new = self._claim_identities(raw, [item.event for item in decided], at)
        self._store(raw, [d for d, is_new in zip(decided, new, strict=True) if is_new], catalog)
        return tuple(
            _accepted(item) if is_new else self._duplicate(raw, item.event, at)
            for item, is_new in zip(decided, new, strict=True)
        )

    def _claim_identities(self, raw: Raw, events: Sequence[Event], at: int) -> list[bool]:
        """Which events are the first of their identity, those of this unit included."""
        identities = [(event.source, event.id, event.key, at) for event in events]
        claimed = raw.executemany(self._sql["add_identity"], identities).rowcount
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

    def _store(self, raw: Raw, decided: Sequence[Decided], catalog: str | None) -> None:
        sql = self._sql
        raw.executemany(sql["add_event"], [rows.event_values(d.event, catalog) for d in decided])
        dispositions = [
            (d.event.key, item.subscription, item.flow, item.outcome, item.detail, item.run)
            for d in decided
            for item in d.dispositions
        ]
        if dispositions:
            raw.executemany(sql["add_disposition"], dispositions)
        runs = [rows.new_run_values(run, d.event.key) for d in decided for run in d.runs]
        if runs:
            raw.executemany(sql["add_run"], runs)
        # Without a run nobody has dealt with the file: it stays where it is.
        claims = [(d.event.key, rows.packed(d.claim)) for d in decided if d.claim and d.runs]
        if claims:
            raw.executemany(sql["add_claim"], claims)

    def _duplicate(self, raw: Raw, event: Event, at: int) -> Accepted:
        values = (event.source, event.id, at)
        (key,) = raw.execute(self._sql["count_duplicate"], values).fetchone()
        runs = tuple(run for (run,) in raw.execute(self._sql["runs_of_event"], (key,)))
        return Accepted(key, event.id, event.source, duplicate=True, runs=runs)


def _accepted(decided: Decided) -> Accepted:
    event = decided.event
    runs = tuple(run.id for run in decided.runs)
    return Accepted(event.key, event.id, event.source, duplicate=False, runs=runs)
