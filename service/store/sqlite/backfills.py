"""The named reads of backfills."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from triphammer.service.store.backfills import Asked, BackfillRow, Order, Tick, TickRun
from triphammer.service.store.sqlite.readers import Readers
from triphammer.service.store.sqlite.statements import statements

_asked = msgspec.msgpack.Decoder(Asked).decode
_json = msgspec.json.Encoder().encode


class SqliteBackfills:
    """See `service.store.backfills.BackfillReads`."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._sql = statements("reads.sql")

    async def backfill(self, id: str) -> BackfillRow | None:
        found = await self._backfills("backfill", id)
        return found[0] if found else None

    async def backfill_of_key(self, key: str) -> BackfillRow | None:
        found = await self._backfills("backfill_of_key", key)
        return found[0] if found else None

    async def backfills(
        self, *, limit: int, before: int | None = None, flow: str | None = None
    ) -> Sequence[BackfillRow]:
        return await self._backfills("backfills", limit, before, flow)

    async def open_backfills(self) -> Sequence[BackfillRow]:
        found = await self._readers.rows(self._sql["open_backfills"])
        return [_backfill(row, {}) for row in found]

    async def ticks(
        self, backfill: str, *, state: str | None = None, after: int | None = None, limit: int = 500
    ) -> Sequence[Tick]:
        found = await self._readers.rows(self._sql["ticks"], backfill, state, after, limit)
        return [_tick(row) for row in found]

    async def pending_ticks(self, backfill: str, order: Order, limit: int) -> Sequence[Tick]:
        names = {"oldest": "oldest_pending_ticks", "newest": "newest_pending_ticks"}
        sql = self._sql[names[order]]
        return [_tick(row) for row in await self._readers.rows(sql, backfill, limit)]

    async def begun_ticks(self, backfill: str) -> Mapping[int, str | None]:
        found = await self._readers.rows(self._sql["begun_ticks"], backfill)
        return {row[0]: row[1] for row in found}

    async def tick_runs(self, flow: str, source: str, ids: Sequence[str]) -> Mapping[str, TickRun]:
        asked = _json(list(ids)).decode()
        found = await self._readers.rows(self._sql["tick_runs"], asked, source, flow)
        return {row["id"]: TickRun(row["run"], row["state"]) for row in found}

    async def _backfills(self, name: str, *values: Any) -> list[BackfillRow]:
        return await self._readers.run(partial(_with_counts, self._sql, name, values))


def _with_counts(
    sql: Mapping[str, str], name: str, values: Sequence[Any], raw: sqlite3.Connection
) -> list[BackfillRow]:
    cursor = raw.cursor()
    cursor.row_factory = sqlite3.Row
    found = cursor.execute(sql[name], values).fetchall()
    numbers = _json([row["seq"] for row in found]).decode()
    counts: dict[int, dict[str, int]] = {row["seq"]: {} for row in found}
    for seq, state, count in raw.execute(sql["tick_counts"], (numbers,)):
        counts[seq][state] = count
    return [_backfill(row, counts[row["seq"]]) for row in found]


def _backfill(row: sqlite3.Row, ticks: Mapping[str, int]) -> BackfillRow:
    return BackfillRow(
        seq=row["seq"],
        id=row["id"],
        asked=_asked(row["asked"]),
        state=row["state"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        ticks=ticks,
    )


def _tick(row: sqlite3.Row) -> Tick:
    return Tick(
        due=row["due"],
        start=row["start"],
        state=row["state"],
        redo=row["redo"],
        run=row["run"],
        detail=row["detail"],
    )
