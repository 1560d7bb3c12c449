"""Carries a unit out within the writer's open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from triphammer.service.store.contract import (
    ENDED,
    Accept,
    ClaimMoved,
    ClaimRun,
    OutboxResult,
    Outcome,
    Progress,
    SaveCatalog,
    SaveVersion,
    SetPaused,
    Stale,
    Unit,
)
from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.acceptance import Acceptance
from triphammer.service.store.sqlite.statements import statements

Raw = sqlite3.Connection
_json = msgspec.json.Encoder().encode


class Applier:
    """Knows the statements; keeps nothing else."""

    def __init__(self) -> None:
        self._sql = statements("writes.sql")
        self._acceptance = Acceptance()
        self._by_type: Mapping[type, Callable[[Raw, Any], Outcome]] = {
            Accept: self._accept,
            Progress: self._progress,
            OutboxResult: self._outbox_result,
            ClaimMoved: self._claim_moved,
            SaveVersion: self._save_version,
            SaveCatalog: self._save_catalog,
            SetPaused: self._set_paused,
            ClaimRun: self._claim_run,
        }

    def apply(self, raw: Raw, unit: Unit) -> Outcome:
        """The outcome of `unit`; raises what SQLite raises."""
        return self._by_type[type(unit)](raw, unit)

    def _accept(self, raw: Raw, unit: Accept) -> Outcome:
        accepted = self._acceptance.accept(raw, unit.decided, unit.catalog, unit.received_at)
        put, drop = self._sql["put_position"], self._sql["drop_position"]
        for key, value in unit.positions.items():
            if value is None:
                raw.execute(drop, (unit.sensor, key))
            else:
                raw.execute(put, (unit.sensor, key, value))
        for dead in unit.dead:
            values = (dead.source, dead.id, dead.reason, dead.payload, _json(dict(dead.headers)))
            raw.execute(self._sql["add_dead_record"], (*values, unit.received_at))
        return accepted

    def _progress(self, raw: Raw, unit: Progress) -> Outcome:
        change = unit.change
        found = raw.execute(self._sql["fence"], (change.run, change.epoch)).fetchone()
        if found is None:
            return Stale()
        seq, event = found
        if change.tasks:
            values = [rows.task_values(seq, row) for row in change.tasks]
            raw.executemany(self._sql["put_task"], values)
        for task, attempt, started, finished, error in change.failed_attempts:
            details = (seq, task, attempt, started, finished, rows.packed(error))
            raw.execute(self._sql["add_attempt"], details)
        if change.state or change.started_at or change.result or change.error:
            raw.execute(self._sql["change_run"], rows.run_values(seq, change))
        for message in change.outbox:
            at = change.finished_at or unit.at
            raw.execute(self._sql["add_message"], rows.message_values(change, message, at))
        self._state_writes(raw, change.flow, change.state_writes)
        accepted = self._acceptance.accept(raw, unit.caused, unit.catalog, unit.at)
        if change.state in ENDED:
            self._settle_claim(raw, event)
        return accepted

    def _state_writes(self, raw: Raw, flow: str, writes: Mapping[str, bytes | None]) -> None:
        for key, value in writes.items():
            if value is None:
                raw.execute(self._sql["drop_state"], (flow, key))
            else:
                raw.execute(self._sql["put_state"], (flow, key, value))

    def _settle_claim(self, raw: Raw, event: str) -> None:
        """The move of the event's file is due once the last of its runs has ended."""
        if raw.execute(self._sql["has_claim"], (event,)).fetchone() is None:
            return
        left, failed = raw.execute(self._sql["unfinished_of_event"], (event,)).fetchone()
        if left == 0:
            raw.execute(self._sql["claim_due"], (event, int(failed > 0)))

    def _outbox_result(self, raw: Raw, unit: OutboxResult) -> Outcome:
        values = (unit.id, unit.state, unit.attempts, unit.due_at, unit.error, unit.at)
        return raw.execute(self._sql["message_result"], values).rowcount > 0

    def _claim_moved(self, raw: Raw, unit: ClaimMoved) -> Outcome:
        raw.execute(self._sql["drop_claim"], (unit.event,))
        if unit.moved_to is not None:
            raw.execute(self._sql["event_moved"], (unit.event, unit.moved_to))
        return True

    def _save_version(self, raw: Raw, unit: SaveVersion) -> Outcome:
        sources = _json(dict(unit.sources))
        values = (unit.flow, unit.version, unit.file, sources, unit.at)
        return raw.execute(self._sql["add_version"], values).rowcount > 0

    def _save_catalog(self, raw: Raw, unit: SaveCatalog) -> Outcome:
        values = (unit.id, unit.body, unit.at)
        return raw.execute(self._sql["add_catalog"], values).rowcount > 0

    def _set_paused(self, raw: Raw, unit: SetPaused) -> Outcome:
        if unit.paused:
            return raw.execute(self._sql["pause_flow"], (unit.flow, unit.at)).rowcount > 0
        return raw.execute(self._sql["resume_flow"], (unit.flow,)).rowcount > 0

    def _claim_run(self, raw: Raw, unit: ClaimRun) -> Outcome:
        found = raw.execute(self._sql["claim_run"], (unit.run, unit.owner)).fetchone()
        return None if found is None else int(found[0])
