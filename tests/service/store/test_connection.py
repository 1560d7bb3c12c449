"""What the adapter relies on in aiosqlite; a new minor version must keep it."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import anyio
import pytest

from triphammer.service.store.sqlite.connection import (
    ThreadConnection,
    file_log,
    file_reader,
    file_writer,
    memory,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pragma(raw: sqlite3.Connection, name: str) -> object:
    return raw.execute(f"PRAGMA {name}").fetchone()[0]


async def settings(connection: ThreadConnection, *names: str) -> list[object]:
    return await connection.run(lambda raw: [pragma(raw, name) for name in names])


async def test_a_whole_function_runs_on_the_connections_thread(tmp_path: Path) -> None:
    async with file_writer(tmp_path / "a.db") as writer:
        threads = [await writer.run(lambda _: threading.get_ident()) for _ in range(3)]
        assert len(set(threads)) == 1
        assert threads[0] != threading.get_ident()
        assert await writer.run(lambda raw: raw.isolation_level) is None


async def test_what_a_function_raises_comes_out(tmp_path: Path) -> None:
    async with file_writer(tmp_path / "a.db") as writer:
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            await writer.run(lambda raw: raw.execute("SELECT * FROM absent"))
        with pytest.raises(ZeroDivisionError):
            await writer.run(lambda _: 1 // 0)
        assert await writer.run(lambda _: 5) == 5


async def test_a_function_whose_caller_is_cancelled_runs_to_its_end(tmp_path: Path) -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def slow(_: sqlite3.Connection) -> None:
        begun.set()
        may_end.wait()
        ended.set()

    async with file_writer(tmp_path / "a.db") as writer:
        async with anyio.create_task_group() as group:
            group.start_soon(writer.run, slow)
            await anyio.to_thread.run_sync(begun.wait)
            group.cancel_scope.cancel()
        may_end.set()
        assert await writer.run(lambda _: ended.is_set())


async def test_the_writer_is_durable(tmp_path: Path) -> None:
    async with file_writer(tmp_path / "a.db") as writer:
        found = await settings(writer, "journal_mode", "synchronous", "foreign_keys")
        assert found == ["wal", 2, 1]
    async with file_log(tmp_path / "b.db") as log:
        assert await settings(log, "journal_mode", "synchronous") == ["wal", 1]


async def test_a_reader_cannot_write(tmp_path: Path) -> None:
    file = tmp_path / "a b#?.db"
    async with file_writer(file) as writer, file_reader(file) as reader:
        await writer.run(lambda raw: raw.execute("CREATE TABLE t (a)"))
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await reader.run(lambda raw: raw.execute("INSERT INTO t VALUES (1)"))
        assert await reader.run(lambda raw: raw.execute("SELECT * FROM t").fetchall()) == []


async def test_a_database_in_memory_works_on_the_callers_thread() -> None:
    async with memory() as connection:
        assert await connection.run(lambda _: threading.get_ident()) == threading.get_ident()
