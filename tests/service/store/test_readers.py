"""What is read together belongs together, whatever is written meanwhile."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.store.sqlite.connection import file_reader, file_writer
from triphammer.service.store.sqlite.readers import Readers, read

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_several_statements_see_one_state_and_the_next_read_another(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    def counted_twice(raw: sqlite3.Connection) -> list[int]:
        counts = [read(raw, "SELECT count(*) FROM t", ())[0][0]]
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("INSERT INTO t VALUES (1)")
        return [*counts, read(raw, "SELECT count(*) FROM t", ())[0][0]]

    async with file_writer(file) as writer:
        await writer.run(lambda raw: raw.execute("CREATE TABLE t (n)"))
        async with file_reader(file) as connection:
            readers = Readers([connection])
            assert await readers.at_once(counted_twice) == [0, 0]
            assert await readers.at_once(counted_twice) == [1, 1]


async def test_a_read_that_fails_leaves_none_open(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    async with file_writer(file), file_reader(file) as connection:
        readers = Readers([connection])
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="no such table: absent"):
                await readers.at_once(lambda raw: read(raw, "SELECT * FROM absent", ()))
        assert await connection.run(lambda raw: raw.in_transaction) is False
