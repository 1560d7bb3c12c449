from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from triphammer.service.errors import SchemaTooNew
from triphammer.service.store.sqlite.migrations import migrate, migrations


@pytest.fixture
def raw() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def version(raw: sqlite3.Connection) -> int:
    found: int = raw.execute("PRAGMA user_version").fetchone()[0]
    return found


def schema(raw: sqlite3.Connection) -> list[tuple[str, str]]:
    return raw.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()


def folder_id(raw: sqlite3.Connection) -> str:
    found: str = raw.execute("SELECT value FROM meta WHERE key = 'folder'").fetchone()[0]
    return found


def test_a_new_database_gets_the_whole_schema(raw: sqlite3.Connection) -> None:
    migrate(raw, "test")
    assert version(raw) == len(migrations())
    assert not raw.in_transaction


def test_a_second_time_changes_nothing(raw: sqlite3.Connection) -> None:
    migrate(raw, "test")
    before = schema(raw), folder_id(raw)
    migrate(raw, "test")
    assert (schema(raw), folder_id(raw)) == before


def test_a_newer_database_is_left_untouched(raw: sqlite3.Connection) -> None:
    known = len(migrations())
    raw.execute(f"PRAGMA user_version = {known + 1}")
    with pytest.raises(SchemaTooNew) as refused:
        migrate(raw, "/data/triphammer.db")
    for part in ("/data/triphammer.db", f"version {known + 1}", f"up to {known}"):
        assert part in str(refused.value)
    assert schema(raw) == []
    assert version(raw) == known + 1


def test_every_table_that_grows_has_a_number_given_at_commit(raw: sqlite3.Connection) -> None:
    migrate(raw, "test")
    for table in ("events", "identities", "runs", "tasks", "attempts", "outbox", "dead_records"):
        columns = raw.execute(f"PRAGMA table_info({table})").fetchall()
        assert ("seq", "INTEGER", 1) in [(c[1], c[2], c[5]) for c in columns]


@pytest.mark.parametrize("table", ["runs", "outbox"])
def test_what_is_worked_on_names_its_owner(raw: sqlite3.Connection, table: str) -> None:
    migrate(raw, "test")
    columns = {c[1] for c in raw.execute(f"PRAGMA table_info({table})")}
    assert {"owner", "epoch"} <= columns
