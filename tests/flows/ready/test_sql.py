"""`sql`: against SQLite, whose driver follows the same standard as the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.contracts.executor_cases import KINDS, at_work, attempt
from triphammer import sql

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def warehouse(tmp_path: Path) -> dict[str, Any]:
    return {"driver": "sqlite3", "database": str(tmp_path / "warehouse.db")}


async def ended(*args: Any, **more: Any) -> tuple[Any, str]:
    """The result or None, and the error's text."""
    one = attempt(lambda: sql.fn(*args, **more))
    async with at_work(KINDS["thread"]) as bench:
        bench.executor.submit([one])
        result = await bench.result(one.id)
    value = None if result.value is None else msgspec.json.decode(result.value.body)
    return value, "" if result.error is None else result.error.message


async def test_statements(warehouse: dict[str, Any]) -> None:
    value, error = await ended(warehouse, "CREATE TABLE t (a INTEGER, b TEXT)")
    assert (value["rows"], error) == ([], "")
    rows = [(1, "x"), (2, None)]
    value, _ = await ended(warehouse, "INSERT INTO t VALUES (?, ?)", rows, many=True)
    assert value == {"rows": [], "count": 2}
    value, _ = await ended(warehouse, "SELECT * FROM t WHERE a > :least", {"least": 0})
    assert value == {"rows": [{"a": 1, "b": "x"}, {"a": 2, "b": None}], "count": 2}


async def test_a_statement_that_fails_changes_nothing(warehouse: dict[str, Any]) -> None:
    await ended(warehouse, "CREATE TABLE t (a INTEGER UNIQUE)")
    value, error = await ended(warehouse, "INSERT INTO t VALUES (?)", [(1,), (1,)], many=True)
    assert value is None
    assert "UNIQUE" in error
    value, _ = await ended(warehouse, "SELECT count(*) AS n FROM t")
    assert value["rows"] == [{"n": 0}]


@pytest.mark.parametrize(
    ("connection", "says"),
    [
        ("warehouse", 'connection("NAME")'),
        ({"database": "x.db"}, "names no driver"),
        ({"driver": "no_such_driver"}, "is not installed"),
        ({"driver": "textwrap"}, "has no connect()"),
    ],
)
async def test_connections_that_are_none(connection: Any, says: str) -> None:
    value, error = await ended(connection, "SELECT 1")
    assert value is None
    assert says in error


async def test_bytes_name_their_column(warehouse: dict[str, Any]) -> None:
    _, error = await ended(warehouse, "SELECT x'00' AS picture")
    assert "'picture' holds bytes" in error
