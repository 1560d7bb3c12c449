"""Removes what is old, window by window, within the writer's open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from triphammer.service.store.contract import Pruned, PruneEvents, PruneIdentities
from triphammer.service.store.sqlite.statements import statements

Raw = sqlite3.Connection
Place = tuple[int, int]
ROWS = 1000
"""Tasks and failed attempts that one window may remove: a map may have ten thousand."""


ALL = 2**62


class _Window(NamedTuple):
    keys: Sequence[str]
    after: Place | None


class Pruning:
    """Knows the statements; keeps nothing else."""

    def __init__(self) -> None:
        self._sql = statements("prune.sql")

    def events(self, raw: Raw, unit: PruneEvents) -> Pruned:
        """One window of events, or as many of their tasks as one transaction may take."""
        window = self._window(raw, unit)
        values = (_json(window.keys), unit.before, unit.failed_before)
        found = raw.execute(self._sql["prunable_events"], values).fetchall()
        keys = _json([key for _, key in found])
        runs = raw.execute(self._sql["runs_of_events"], (keys,)).fetchall()
        ids = tuple(id for _, id in runs)
        if unit.dry:
            return Pruned(rows=len(found), runs=ids, after=window.after)
        numbers = _json([seq for seq, _ in runs])
        if not self._parts_dropped(raw, numbers):
            return Pruned(rows=0, after=unit.after)
        raw.execute(self._sql["drop_messages"], (_json(ids),))
        raw.execute(self._sql["drop_runs"], (numbers,))
        raw.execute(self._sql["drop_dispositions"], (keys,))
        raw.execute(self._sql["drop_claims"], (keys,))
        raw.execute(self._sql["drop_events"], (_json([seq for seq, _ in found]),))
        return Pruned(rows=len(found), runs=ids, after=window.after)

    def _window(self, raw: Raw, unit: PruneEvents) -> _Window:
        at, seq = unit.after
        if unit.keep is None:
            old = (at, seq, unit.before, unit.limit, ALL if unit.newest is None else unit.newest)
            rows = raw.execute(self._sql["old_events"], old).fetchall()
        else:
            surplus = (seq, unit.keep, unit.limit)
            rows = raw.execute(self._sql["surplus_events"], surplus).fetchall()
        after = (rows[-1][2], rows[-1][0]) if len(rows) == unit.limit else None
        return _Window([key for _, key, _ in rows], after)

    def _parts_dropped(self, raw: Raw, runs: str) -> bool:
        """Whether nothing of the runs is left but their own rows."""
        for name in ("drop_tasks", "drop_attempts", "drop_kept"):
            if raw.execute(self._sql[name], (runs, ROWS)).rowcount == ROWS:
                return False
        return True

    def identities(self, raw: Raw, unit: PruneIdentities) -> Pruned:
        """One window of identities. It is the last one if nothing in it is old enough."""
        values = (unit.after[1], unit.limit)
        rows = raw.execute(self._sql["old_identities"], values).fetchall()
        if not any(first_at < unit.before for _, first_at in rows):
            return Pruned(rows=0)
        last = rows[-1][0]
        name = "count_identities" if unit.dry else "drop_identities"
        span = (rows[0][0], last, unit.before)
        cursor = raw.execute(self._sql[name], span)
        count = cursor.fetchone()[0] if unit.dry else cursor.rowcount
        return Pruned(rows=count, after=(0, last) if len(rows) == unit.limit else None)


def _json(values: Sequence[str] | Sequence[int]) -> str:
    return msgspec.json.encode(values).decode()
