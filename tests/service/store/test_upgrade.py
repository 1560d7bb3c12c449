from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.service.store.fixture import FOLDER
from tests.service.store.test_released_schemas import restore, schema
from triphammer.service.errors import FolderLocked, SchemaTooNew, StoreError
from triphammer.service.store.layout import DATABASE
from triphammer.service.store.lock import folder_lock
from triphammer.service.store.sqlite.migrations import known_version
from triphammer.service.store.upgrade import upgrade

OLD = FOLDER / "0001.sql"


def test_it_says_from_what_to_what(tmp_path: Path) -> None:
    database = restore(OLD, tmp_path)
    assert upgrade(tmp_path, dry=True) == (1, known_version())
    assert schema(database)[0] == 1
    assert upgrade(tmp_path) == (1, known_version())
    assert schema(database)[0] == known_version()
    assert upgrade(tmp_path) == (known_version(), known_version())


def test_a_daemon_that_runs_is_not_disturbed(tmp_path: Path) -> None:
    database = restore(OLD, tmp_path)
    with folder_lock(tmp_path), pytest.raises(FolderLocked):
        upgrade(tmp_path)
    assert schema(database)[0] == 1


def test_what_cannot_be_migrated(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        upgrade(tmp_path)
    (tmp_path / DATABASE).write_bytes(b"something else" * 1000)
    with pytest.raises(StoreError, match="cannot be migrated"):
        upgrade(tmp_path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    restore(OLD, tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as raw:
        raw.execute("PRAGMA user_version = 999")
    with pytest.raises(SchemaTooNew, match="version 999"):
        upgrade(tmp_path)
