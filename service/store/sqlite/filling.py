"""Carries backfills out within the writer's open transaction."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec

from triphammer.sensors.contract import Accepted
from triphammer.service.store.backfills import (
    AddBackfill,
    CancelBackfill,
    PruneBackfills,
    SettleTicks,
)
from triphammer.service.store.contract import Decided, FillTick
from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.acceptance import Acceptance, Arrival
from triphammer.service.store.sqlite.statements import statements

Raw = sqlite3.Connection


class Place(NamedTuple):
    """The place of a dead letter in the order of its key, which its redo takes."""

    of: str
    key: str | None
    number: int


class Filling:
    """Knows the statements; keeps nothing else."""

    def __init__(self, acceptance: Acceptance) -> None:
        self._sql = statements("writes.sql")
        self._acceptance = acceptance

    def add(self, raw: Raw, unit: AddBackfill) -> bool:
        """Store the backfill with its ticks."""
        values = (unit.id, unit.asked.flow, rows.packed(unit.asked), unit.key, unit.at)
        found = raw.execute(self._sql["add_backfill"], values).fetchone()
        if found is None:
            return False
        raw.executemany(
            self._sql["add_tick"],
            [(found[0], t.due, t.start, t.state, t.redo, t.detail) for t in unit.ticks],
        )
        self._end(raw, unit.id, unit.at)
        return True

    def fill(self, raw: Raw, unit: FillTick) -> tuple[Accepted, ...]:
        """Make the tick's event and run, unless it came meanwhile."""
        tick = unit.tick
        found = raw.execute(self._sql["pending_tick"], (tick.backfill, tick.due)).fetchone()
        if found is None:
            return ()
        if tick.redo is not None and (other := self._newest(raw, unit)) != tick.redo:
            self._change(raw, found[0], "skipped", None, f"{other} came meanwhile")
            return ()
        decided, place = self._in_place_of(raw, unit)
        (accepted,) = self._acceptance.accept(raw, [Arrival(decided, unit.catalog, unit.at)])
        if accepted.duplicate:
            self._change(raw, found[0], "skipped", None, "it came meanwhile")
        elif not accepted.runs:
            why = unit.decided.dispositions[0] if unit.decided.dispositions else None
            detail = "filtered" if why is None else f"{why.outcome}: {why.detail}"
            self._change(raw, found[0], "skipped", None, detail)
        else:
            self._change(raw, found[0], "running", accepted.runs[0], None)
            if place is not None:
                self._take(raw, accepted.runs[0], place)
        return (accepted,)

    def settle(self, raw: Raw, unit: SettleTicks) -> bool:
        """Note how runs of ticks have ended."""
        for due, state in unit.states.items():
            raw.execute(self._sql["settle_tick"], (unit.backfill, due, state))
        return self._end(raw, unit.backfill, unit.at)

    def cancel(self, raw: Raw, unit: CancelBackfill) -> bool:
        """Leave what is pending; what has a run goes on."""
        found = raw.execute(self._sql["cancel_backfill"], (unit.backfill,)).fetchone()
        if found is None:
            return False
        raw.execute(self._sql["cancel_ticks"], (found[0],))
        self._end(raw, unit.backfill, unit.at)
        return True

    def prune(self, raw: Raw, unit: PruneBackfills) -> int:
        """Forget one that ended long ago."""
        return raw.execute(self._sql["drop_backfill"], (unit.before,)).rowcount

    def _newest(self, raw: Raw, unit: FillTick) -> str | None:
        event = unit.decided.event
        first, _, _ = event.id.rpartition("#")
        values = (event.subject, event.source, first)
        found = raw.execute(self._sql["newest_run_of_tick"], values).fetchone()
        return None if found is None else str(found[0])

    def _change(self, raw: Raw, tick: int, state: str, run: str | None, detail: str | None) -> None:
        raw.execute(self._sql["change_tick"], (tick, state, run, detail))

    def _in_place_of(self, raw: Raw, unit: FillTick) -> tuple[Decided, Place | None]:
        """What is decided, and where its run goes if the run before is a dead letter: into
        that one's place, to whose key it is not to be added besides."""
        old, decided = unit.tick.redo, unit.decided
        if not old or not decided.runs:
            return decided, None
        settled = raw.execute(self._sql["settle_run"], (old, "redriven")).fetchone()
        if settled is None:
            return decided, None
        _, key, place, parked = settled
        if not parked or key is None:
            return decided, Place(old, None, place)
        runs = tuple(msgspec.structs.replace(run, order_key=None) for run in decided.runs)
        return msgspec.structs.replace(decided, runs=runs), Place(old, key, place)

    def _take(self, raw: Raw, run: str, place: Place) -> None:
        if place.key is None:
            raw.execute(self._sql["redrives"], (run, place.of))
        else:
            raw.execute(self._sql["in_the_place"], (run, place.of, place.key, place.number))

    def _end(self, raw: Raw, backfill: str, at: int) -> bool:
        return raw.execute(self._sql["end_backfill"], (backfill, at)).rowcount > 0
