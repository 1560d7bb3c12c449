from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from tests.contracts.store_cases import a_run, an_event, causing, changed, ran
from triphammer.service.store.contract import ClaimRun, Unit
from triphammer.service.store.sqlite.apply import stretches
from triphammer.service.store.sqlite.bulk import STEP, Bulk


@pytest.fixture
def raw() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (seq INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER)")
    yield connection
    connection.close()


@pytest.mark.parametrize("count", [0, 1, 2, 3, STEP - 1, STEP, STEP + 1, 3 * STEP + 5])
def test_all_rows_are_written_in_order(raw: sqlite3.Connection, count: int) -> None:
    bulk = Bulk("INSERT INTO t (name, n) VALUES (?, ?)")
    rows = [(f"row {n}", n) for n in range(count)]
    assert bulk.run(raw, rows) == count
    assert raw.execute("SELECT name, n FROM t ORDER BY seq").fetchall() == rows


def test_what_a_conflict_leaves_alone_is_not_counted(raw: sqlite3.Connection) -> None:
    bulk = Bulk("INSERT INTO t (name, n) VALUES (?, 7) ON CONFLICT (name) DO NOTHING")
    assert bulk.run(raw, [("a",), ("b",), ("a",)]) == 2
    assert bulk.run(raw, [("b",), ("c",), ("d",)]) == 2


def test_a_row_that_comes_twice_ends_as_the_later_says(raw: sqlite3.Connection) -> None:
    bulk = Bulk(
        "INSERT INTO t (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = excluded.n"
    )
    bulk.run(raw, [("a", 1), ("b", 1), ("a", 2)])
    assert raw.execute("SELECT name, n FROM t").fetchall() == [("a", 2), ("b", 1)]


def test_a_statement_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="no VALUES"):
        Bulk("DELETE FROM t")


def test_a_stretch_is_of_one_type_and_ends_before_what_depends_on_it() -> None:
    run, made = a_run(), a_run()
    claim = ClaimRun(run=run.id, owner="me")
    ends = changed(run, state="succeeded")
    makes = causing(changed(run), ran(an_event(), made))
    late, of_made, other = changed(run), changed(made), changed(a_run())
    units: list[Unit] = [claim, claim, makes, other, of_made, ends, other, late, claim]
    assert list(stretches(units)) == [
        [claim, claim],
        [makes, other],
        [of_made, ends, other],
        [late],
        [claim],
    ]
