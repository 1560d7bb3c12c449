"""The physical limits of this machine, measured without triphammer."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median


def database(file: Path) -> sqlite3.Connection:
    """An empty database as durable as triphammer's, for any thread."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def rows_database(folder: Path) -> sqlite3.Connection:
    """A database with one table."""
    connection = database(folder / "limit.db")
    connection.execute("CREATE TABLE IF NOT EXISTS rows (seq INTEGER PRIMARY KEY, data BLOB)")
    return connection


def commit_seconds(folder: Path, rows: int = 6, times: int = 200) -> float:
    """The median time of one durable transaction of `rows` rows."""
    with closing(rows_database(folder)) as connection:
        return median(_timed(lambda: transaction(connection, rows)) for _ in range(times))


def transaction(connection: sqlite3.Connection, rows: int) -> None:
    """One durable transaction."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO rows (data) VALUES (?)", [(b"x" * 200,)] * rows)
    connection.execute("COMMIT")


def bare_runs_per_second(folder: Path, runs: int = 2000, at_once: int = 64) -> float:
    """Runs a second of a bare loop: four group commits a run, `at_once` runs a group."""
    with closing(rows_database(folder)) as connection:
        began = time.perf_counter()
        for _ in range(runs // at_once):
            for _ in range(4):
                transaction(connection, at_once * 2)
        return runs / (time.perf_counter() - began)


def bare_tasks_per_second(folder: Path, tasks: int = 10_000) -> float:
    """Coroutines a second that are gathered 100 at a time, their rows committed in groups."""

    async def one(n: int) -> int:
        return n

    async def main(connection: sqlite3.Connection) -> None:
        for first in range(0, tasks, 100):
            await asyncio.gather(*(one(n) for n in range(first, first + 100)))
            transaction(connection, 100)

    with closing(rows_database(folder)) as connection:
        began = time.perf_counter()
        asyncio.run(main(connection))
        return tasks / (time.perf_counter() - began)


def _timed(action: Callable[[], None]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
