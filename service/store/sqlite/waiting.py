"""The named reads of waits."""

from __future__ import annotations

from collections.abc import Sequence

from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.readers import Readers
from triphammer.service.store.sqlite.statements import statements
from triphammer.service.store.waits import ToLook, WaitRow


class SqliteWaits:
    """See `service.store.waits.WaitReads`."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._waits = statements("waits.sql")

    async def waits(self, run: str) -> Sequence[WaitRow]:
        found = await self._readers.rows(self._waits["waits_of_run"], run)
        return [rows.wait_row(row) for row in found]

    async def next_wait_due(self) -> int | None:
        found = await self._readers.rows(self._waits["next_due"])
        return found[0]["due_at"] if found else None

    async def waits_to_look(self, limit: int) -> Sequence[ToLook]:
        found = await self._readers.rows(self._waits["to_look"], limit)
        return [rows.to_look(row) for row in found]

    async def woken(self) -> Sequence[tuple[str, str]]:
        found = await self._readers.rows(self._waits["woken"])
        return [(row[0], row[1]) for row in found]

    async def cancelled_waiting(self) -> Sequence[tuple[str, str, str]]:
        found = await self._readers.rows(self._waits["cancelled_waiting"])
        return [(row[0], row[1], row[2]) for row in found]
