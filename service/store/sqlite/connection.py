"""Runs whole functions on an SQLite connection: on aiosqlite's thread, or inline in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiosqlite
from anyio.lowlevel import cancel_shielded_checkpoint

T = TypeVar("T")
STATEMENTS = 256
"""Prepared statements that each connection keeps."""

LOG_LIMIT = 64 * 1024 * 1024
"""Bytes to which a write-ahead log that has grown is cut after its checkpoint."""


class Connection(Protocol):
    """One connection. `run` calls a function with the raw connection, one call at a time."""

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T: ...


class ThreadConnection:
    """A connection on a thread of its own.

    A hop to the thread costs 140-470 us, so that whole transactions are handed over, never
    statements. aiosqlite's `_execute` is what its own methods call; its minor version is
    pinned and a contract test watches over it.
    """

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._aiosqlite = connection
        self._raw: sqlite3.Connection = getattr(connection, "_conn")  # noqa: B009 - see above

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """The function's value, computed on the connection's thread."""
        call: Any = getattr(self._aiosqlite, "_execute")  # noqa: B009 - see above
        value: T = await call(partial(function, self._raw))
        return value


class InlineConnection:
    """A connection on the caller's thread, for databases in memory and virtual time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._raw = connection

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """The function's value, computed on this thread; others had their turn before."""
        await cancel_shielded_checkpoint()
        return function(self._raw)


@asynccontextmanager
async def file_writer(file: Path) -> AsyncGenerator[ThreadConnection]:
    """The one connection that writes and checkpoints."""
    async with _file(file, synchronous="FULL") as writer:
        yield writer


@asynccontextmanager
async def _file(file: Path, *, synchronous: str) -> AsyncGenerator[ThreadConnection]:
    async with aiosqlite.connect(
        file, isolation_level=None, cached_statements=STATEMENTS
    ) as connection:
        writer = ThreadConnection(connection)
        await writer.run(partial(_pragmas, synchronous=synchronous))
        yield writer


@asynccontextmanager
async def file_reader(file: Path) -> AsyncGenerator[ThreadConnection]:
    """A connection that can only read, so that no second one ever checkpoints.

    `file` is absolute.
    """
    uri = f"{file.as_uri()}?mode=ro"
    async with aiosqlite.connect(
        uri, uri=True, isolation_level=None, cached_statements=STATEMENTS
    ) as connection:
        reader = ThreadConnection(connection)
        await reader.run(_read_only)
        yield reader


@asynccontextmanager
async def file_log(file: Path) -> AsyncGenerator[ThreadConnection]:
    """The connection of the log file: its last second may be lost with the power."""
    async with _file(file, synchronous="NORMAL") as writer:
        yield writer


@asynccontextmanager
async def memory() -> AsyncGenerator[InlineConnection]:
    """A database in memory; it is gone with the context."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        yield InlineConnection(connection)
    finally:
        connection.close()


def _pragmas(connection: sqlite3.Connection, *, synchronous: str) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -16000")


def _read_only(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA busy_timeout = 5000")
