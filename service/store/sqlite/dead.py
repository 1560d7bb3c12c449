"""Carries out what operators do about dead letters of runs and events."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

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


class Settled(NamedTuple):
    """What a dead letter was: its event, its key and its place in the order of that, and whether
    it `held` the key still."""

    event: str
    key: str | None
    number: int | float
    held: int


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
        found = self.settle(raw, unit.run, unit.epoch, "redriven")
        if found is None:
            return False
        self._add(raw, unit.new, found.event)
        self.take_place(raw, unit.new.id, unit.run, found)
        told = (found.event, unit.run, unit.new.id, f"redriven: {unit.run} had failed")
        raw.execute(self._sql["redriven_disposition"], told)
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
        return self.settle(raw, unit.run, unit.epoch, "skipped") is not None

    def settle(self, raw: Raw, run: str, epoch: int | None, how: str) -> Settled | None:
        """A dead letter is one no more; None if it is none, or in another epoch."""
        found = raw.execute(self._sql["dead_letter"], (run, epoch)).fetchone()
        if found is None:
            return None
        raw.execute(self._sql["settle_run"], (run, how))
        return Settled(*found)

    def take_place(self, raw: Raw, run: str, of: str, place: Settled) -> None:
        """`run` is there for the dead letter `of`: in its place where that one held its key."""
        if place.held:
            raw.execute(self._sql["in_the_place"], (run, of, place.key, place.number))
        else:
            raw.execute(self._sql["redrives"], (run, of))

    def skip_event(self, raw: Raw, unit: SkipEvent) -> bool:
        """The event starts nothing, by decision."""
        values = (unit.event, unit.subscription, "skipped", "skipped by an operator", None)
        return raw.execute(self._sql["settle_disposition"], values).rowcount > 0

    def skip_record(self, raw: Raw, unit: SkipRecord) -> bool:
        """The record is forgotten; its offset stays behind us."""
        return raw.execute(self._sql["skip_record"], (unit.seq,)).rowcount > 0

    def _add(self, raw: Raw, run: NewRun, event: str) -> None:
        raw.execute(self._sql["add_run"], rows.new_run_values(run, event))
