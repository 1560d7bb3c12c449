"""Looks a data folder through: is everything there, whole, and does it fit together?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from triphammer.service.errors import StoreError
from triphammer.service.store.artifacts import FileArtifacts
from triphammer.service.store.layout import ARTIFACTS, DATABASE, LOGS
from triphammer.service.store.sqlite.migrations import known_version, version_of
from triphammer.service.store.sqlite.statements import statements

SHOWN = 10
"""Of each kind of trouble so many are named; the others are counted."""
_MISFITS = {
    "unfinished_without_event": "unfinished run without its event",
    "unfinished_without_version": "unfinished run without its flow version",
    "waiting_for_nothing": "run that waits for nothing",
    "events_without_identity": "event without its identity",
    "claims_without_event": "file to be moved without its event",
    "wrong_counts": "wrong count of runs",
}
_SINCE = {"waiting_for_nothing": "waits", "wrong_counts": "run_counts"}
"""What is only asked where there is this table: older schemas have none."""


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `troubles` need somebody; `notes` do not. `counts` are rows by kind."""

    folder: str
    schema: int
    troubles: tuple[str, ...]
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = {}


def inspect(folder: Path) -> Inspection:
    """Look the data folder through; a daemon may be using it.

    Reads every page and every artifact. Raises `StoreError` when there is no database or it
    cannot be read at all, `SchemaTooNew`.
    """
    with closing(reading(folder / DATABASE)) as raw:
        try:
            version = version_of(raw, str(folder / DATABASE))
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{folder / DATABASE} is no database of ours: {error}") from error
        damage = [*_damage(raw, DATABASE), *_log_damage(folder / LOGS)]
        if damage:  # what else is asked of a damaged file only fails
            return _inspection(folder, version, damage)
        troubles = list(_misfits(raw))
        counts = dict(raw.execute(statements("check.sql")["counts"]).fetchall())
    artifacts = _Artifacts(folder)
    found = _inspection(folder, version, [*troubles, *artifacts.troubles()])
    notes = (*_age(version), *artifacts.notes())
    return msgspec.structs.replace(found, notes=notes, counts=counts)


def _inspection(folder: Path, version: int, troubles: list[str]) -> Inspection:
    return Inspection(folder=str(folder), schema=version, troubles=tuple(troubles))


def reading(file: Path) -> sqlite3.Connection:
    """A connection that only reads. Raises `StoreError` when there is no such file."""
    if not file.is_file():
        raise StoreError(f"there is no database {file}: name the data folder with --data")
    uri = f"{file.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection


def named_artifacts(raw: sqlite3.Connection) -> set[str]:
    """The hashes of the artifacts that some row names."""
    sql = statements("check.sql")
    found = {digest.decode() for (digest,) in raw.execute(sql["artifacts"])}
    if raw.execute(sql["keeps"]).fetchone() is not None:
        found.update(digest for (digest,) in raw.execute(sql["kept"]))
    return found


def _damage(raw: sqlite3.Connection, name: str) -> Iterator[str]:
    sql = statements("check.sql")
    try:
        found = [text for (text,) in raw.execute(sql["integrity"])]
        keys = [f"{table} row {row}" for table, row, *_ in raw.execute(sql["foreign_keys"])]
    except sqlite3.DatabaseError as error:
        found, keys = [str(error)], []
    if found != ["ok"]:
        yield from _some(f"{name} is damaged", found)
    yield from _some(f"{name}: row that belongs to none", keys)


def _misfits(raw: sqlite3.Connection) -> Iterator[str]:
    sql = statements("check.sql")
    known = {name for (name,) in raw.execute(sql["tables"])}
    for name, text in _MISFITS.items():
        if name in _SINCE and _SINCE[name] not in known:
            continue
        yield from _some(text, [id for (id,) in raw.execute(sql[name])])


def _log_damage(file: Path) -> list[str]:
    if not file.is_file():
        return []
    with closing(reading(file)) as raw:
        return list(_damage(raw, file.name))


def _age(version: int) -> Iterator[str]:
    if version < known_version():
        yield (
            f"schema {version} is older than this triphammer's {known_version()}: the next start "
            "brings it up to date, as does `triphammer db migrate`"
        )


def _some(what: str, items: list[str]) -> Iterator[str]:
    yield from (f"{what}: {item}" for item in items[:SHOWN])
    if len(items) > SHOWN:
        yield f"{what}: {len(items) - SHOWN} more"


class _Artifacts:
    """Compares what rows name with the files there are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = FileArtifacts(folder / ARTIFACTS)
        # Rows first: a daemon stores a file before the row that names it.
        self._named = self._ask()
        self._stored = set(self._files.listed())

    def _ask(self) -> set[str]:
        with closing(reading(self._folder / DATABASE)) as raw:
            return named_artifacts(raw)

    def troubles(self) -> Iterator[str]:
        """Artifacts that are missing or damaged."""
        bad = {digest: text for digest in sorted(self._named) if (text := self._fault(digest))}
        if bad:  # the daemon may have removed them meanwhile, rows first
            still = self._ask()
            bad = {digest: text for digest, text in bad.items() if digest in still}
        yield from _some("artifact", list(bad.values()))

    def _fault(self, digest: str) -> str | None:
        if digest not in self._stored:
            return f"{digest} is missing"
        try:
            self._files.get(digest)
        except StoreError as error:
            return str(error)
        return None

    def notes(self) -> Iterator[str]:
        """Artifacts that no row names."""
        if loose := len(self._stored - self._named):
            yield f"{loose} artifacts that no row names; `triphammer db prune` removes them"
