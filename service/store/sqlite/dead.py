"""Carries out what operators do about dead letters of runs and events."""

from __future__ import annotations

import sqlite3

import msgspec

from triphammer.service.store.contract import (
    Crashed,
    NewRun,
    RedriveEvent,
    RedriveRun,
    SkipEvent,
    SkipRecord,
    SkipRun,
)
from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.statements import statements

Raw = sqlite3.Connection


class DeadLetters:
    """Knows the statements; works within the writer's open transaction."""

    def __init__(self) -> None:
        self._sql = statements("writes.sql")

    def crashed(self, raw: Raw, unit: Crashed) -> int:
        """Count a crash against each of the runs that were under way."""
        asked = msgspec.json.encode(unit.runs).decode()
        return raw.execute(self._sql["crashed"], (asked,)).rowcount

    def redrive_run(self, raw: Raw, unit: RedriveRun) -> bool:
        """A new run takes the failed one's event and its place in the order."""
        settled = raw.execute(self._sql["settle_run"], (unit.run, "redriven")).fetchone()
        if settled is None:
            return False
        event, key, place, parked = settled
        self._add(raw, unit.new, event)
        if parked:
            raw.execute(self._sql["in_the_place"], (unit.new.id, unit.run, key, place))
        else:
            raw.execute(self._sql["redrives"], (unit.new.id, unit.run))
        detail = f"redriven: {unit.run} had failed"
        raw.execute(self._sql["redriven_disposition"], (event, unit.run, unit.new.id, detail))
        return True

    def redrive_event(self, raw: Raw, unit: RedriveEvent) -> bool:
        """The event starts its flow after all."""
        values = (unit.event, unit.subscription, "ran", "redriven", unit.new.id)
        if raw.execute(self._sql["settle_disposition"], values).rowcount == 0:
            return False
        self._add(raw, unit.new, unit.event)
        return True

    def skip_run(self, raw: Raw, unit: SkipRun) -> bool:
        """The run stays failed, and holds its key no more."""
        return raw.execute(self._sql["settle_run"], (unit.run, "skipped")).fetchone() is not None

    def skip_event(self, raw: Raw, unit: SkipEvent) -> bool:
        """The event starts nothing, by decision."""
        values = (unit.event, unit.subscription, "skipped", "skipped by an operator", None)
        return raw.execute(self._sql["settle_disposition"], values).rowcount > 0

    def skip_record(self, raw: Raw, unit: SkipRecord) -> bool:
        """The record is forgotten; its offset stays behind us."""
        return raw.execute(self._sql["skip_record"], (unit.seq,)).rowcount > 0

    def _add(self, raw: Raw, run: NewRun, event: str) -> None:
        raw.execute(self._sql["add_run"], rows.new_run_values(run, event))
