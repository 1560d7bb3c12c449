"""Brings a database to this version's schema, one numbered file after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from importlib.resources import files

from triphammer.config.ids import new_id
from triphammer.service.errors import SchemaTooNew
from triphammer.service.store.sqlite.statements import PACKAGE, statements


def migrations() -> Sequence[str]:
    """The migrations in order: the n-th leads to schema version n."""
    folder = files(PACKAGE) / "schema"
    found = sorted((item for item in folder.iterdir() if item.name.endswith(".sql")), key=str)
    return [item.read_text(encoding="utf-8") for item in found]


def known_version() -> int:
    """The schema version of this program."""
    return len(migrations())


def version_of(connection: sqlite3.Connection, name: str) -> int:
    """The schema version of a database. Raises `SchemaTooNew` when this program is older."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > known_version():
        raise SchemaTooNew(
            f"{name} has schema version {version}, this triphammer knows up to {known_version()}: "
            "install the newer triphammer that wrote it, or name another folder with --data"
        )
    return version


def migrate(connection: sqlite3.Connection, name: str) -> tuple[int, int]:
    """Apply what is missing, each migration in one transaction with its version number.

    The versions before and after. Raises `SchemaTooNew`, leaving the database untouched, when
    it is ahead of this program.
    """
    version = version_of(connection, name)
    steps = migrations()
    for number, script in enumerate(steps[version:], start=version + 1):
        connection.executescript(f"BEGIN;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
    # Made once: the same id for ever is what the default Kafka group is named after.
    connection.execute(statements("writes.sql")["put_meta"], ("folder", new_id("cat")[4:]))
    return version, len(steps)
