"""A few read-only connections that take turns; every read is a short transaction."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import anyio

from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.store.sqlite.connection import Connection

T = TypeVar("T")
Values = Sequence[Any] | Mapping[str, Any]
"""Those of a statement, by their places or names."""


class Readers:
    """Lends each read a connection; a read left open would let the log grow without bound."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._free = deque(connections)
        self._slots = anyio.Semaphore(len(connections))

    async def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of one statement."""
        return await self.run(partial(_rows, sql, values))

    async def named(self, sql: str, values: Mapping[str, Any]) -> list[sqlite3.Row]:
        """All rows of one statement whose values have names."""
        return await self.run(partial(_rows, sql, values))

    async def listed(
        self, sql: str, values: Values, large: Sequence[str], most: int | None
    ) -> list[sqlite3.Row]:
        """The rows of one statement, up to the one that brings the columns `large` of all of
        them to `most` bytes: the rest is not read."""
        if most is None:
            return await self.run(partial(_rows, sql, values))
        return await self.run(partial(_rows_up_to, sql, values, large, most))

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """The value of `function` on a free connection. Raises `StoreUnavailable`."""
        async with self._slots:
            connection = self._free.popleft()
            try:
                return await connection.run(function)
            except sqlite3.Error as error:
                raise StoreUnavailable(f"the store cannot be read: {error}") from error
            finally:
                self._free.append(connection)

    async def at_once(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """The same of several statements that belong together: what is committed, or pruned,
        between them is seen by none. Raises `StoreUnavailable`."""
        return await self.run(partial(_at_once, function))


def read(raw: sqlite3.Connection, sql: str, values: Values) -> list[sqlite3.Row]:
    """All rows of one statement, within a read of several."""
    return _rows(sql, values, raw)


def _at_once(function: Callable[[sqlite3.Connection], T], raw: sqlite3.Connection) -> T:
    raw.execute("BEGIN")
    try:
        return function(raw)
    finally:
        if raw.in_transaction:
            raw.execute("ROLLBACK")  # nothing was written


def _rows(sql: str, values: Values, raw: sqlite3.Connection) -> list[sqlite3.Row]:
    cursor = raw.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(sql, values).fetchall()


def _rows_up_to(
    sql: str, values: Values, large: Sequence[str], most: int, raw: sqlite3.Connection
) -> list[sqlite3.Row]:
    cursor = raw.cursor()
    cursor.row_factory = sqlite3.Row
    found: list[sqlite3.Row] = []
    for row in cursor.execute(sql, values):
        found.append(row)
        most -= sum(len(row[name] or b"") for name in large)
        if most <= 0:
            break
    cursor.close()  # a read left open would let the log grow
    return found
