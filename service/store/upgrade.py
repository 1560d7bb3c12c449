"""Brings the database of a data folder that no daemon uses to this version's schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from triphammer.service.errors import StoreError
from triphammer.service.store.inspection import reading
from triphammer.service.store.layout import DATABASE
from triphammer.service.store.lock import folder_lock
from triphammer.service.store.sqlite.migrations import known_version, migrate, version_of


def upgrade(folder: Path, *, dry: bool = False) -> tuple[int, int]:
    """The schema versions before and after; with `dry` nothing is changed.

    Raises `FolderLocked`, `SchemaTooNew`, `StoreError`.
    """
    database = folder / DATABASE
    try:
        with closing(reading(database)) as raw:
            version = version_of(raw, str(database))
        if dry or version == known_version():
            return version, known_version()
        with folder_lock(folder), closing(sqlite3.connect(database, isolation_level=None)) as raw:
            raw.execute("PRAGMA synchronous = FULL")
            return migrate(raw, str(database))
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the database {database} cannot be migrated: {error}") from error
