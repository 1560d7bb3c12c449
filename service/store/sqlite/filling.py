"""Carries backfills out within the writer's open transaction."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec

from triphammer.sensors.contract import Accepted
from triphammer.service.store.backfills import (
    AddBackfill,
    CancelBackfill,
    FilledTick,
    PruneBackfills,
    SettleTicks,
)
from triphammer.service.store.contract import ENDED, Decided, FillTick
from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.acceptance import Acceptance, Arrival
from triphammer.service.store.sqlite.dead import DeadLetters, Settled
from triphammer.service.store.sqlite.statements import statements

Raw = sqlite3.Connection


class Newest(NamedTuple):
    """The newest run of a tick."""

    run: str
    state: str
    epoch: int


class Filling:
    """Knows the statements; keeps nothing else."""

    def __init__(self, acceptance: Acceptance, dead: DeadLetters) -> None:
        self._sql = statements("writes.sql")
        self._acceptance = acceptance
        self._dead = dead

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
        newest = None if tick.redo is None else self._newest(raw, unit)
        if newest is not None:
            why_not = _why_not(tick, newest)
            if why_not is not None:
                self._change(raw, found[0], "skipped", None, why_not)
                return ()
            if tick.epoch not in (None, newest.epoch):
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
                self._dead.take_place(raw, accepted.runs[0], unit.tick.redo or "", place)
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

    def _newest(self, raw: Raw, unit: FillTick) -> Newest | None:
        event = unit.decided.event
        first, _, _ = event.id.rpartition("#")
        values = (event.subject, event.source, first)
        found = raw.execute(self._sql["newest_run_of_tick"], values).fetchone()
        return None if found is None else Newest(*found)

    def _change(self, raw: Raw, tick: int, state: str, run: str | None, detail: str | None) -> None:
        raw.execute(self._sql["change_tick"], (tick, state, run, detail))

    def _in_place_of(self, raw: Raw, unit: FillTick) -> tuple[Decided, Settled | None]:
        """What is decided, and where its run goes if the run before is a dead letter: into
        that one's place, to whose key it is not to be added besides."""
        old, decided = unit.tick.redo, unit.decided
        if not old or not decided.runs:
            return decided, None
        settled = self._dead.settle(raw, old, None, "redriven")
        if settled is None or not settled.held:
            return decided, settled
        runs = tuple(msgspec.structs.replace(run, order_key=None) for run in decided.runs)
        return msgspec.structs.replace(decided, runs=runs), settled

    def _end(self, raw: Raw, backfill: str, at: int) -> bool:
        return raw.execute(self._sql["end_backfill"], (backfill, at)).rowcount > 0


def _why_not(tick: FilledTick, newest: Newest) -> str | None:
    """Why a tick is not run again: what it ran as before is not what it was."""
    if newest.run != tick.redo:
        return f"{newest.run} came meanwhile"
    if newest.state not in ENDED or (newest.state == "succeeded" and not tick.again):
        return f"{newest.run} is {newest.state} by now"
    return None
