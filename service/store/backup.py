"""A copy of a data folder, taken while a daemon may be using it, that can be served from."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from triphammer.service.errors import StoreError
from triphammer.service.store.artifacts import FileArtifacts
from triphammer.service.store.durable import make_folder, sync_folder
from triphammer.service.store.inspection import named_artifacts, reading
from triphammer.service.store.layout import ARTIFACTS, DATABASE, LOGS
from triphammer.service.store.sqlite.migrations import version_of


class BackedUp(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. `missing` are artifacts that rows name and the original has not."""

    folder: str
    bytes: int
    artifacts: int
    missing: int


def back_up(folder: Path, target: Path) -> BackedUp:
    """Copy the data folder to `target`, which must not exist; durable when this returns.

    The database is copied as it is at one moment; what commits meanwhile is not in it.
    `target` appears whole or not at all. Raises `StoreError`, `SchemaTooNew`.
    """
    if target.resolve().is_relative_to(folder.resolve()):
        raise StoreError(
            f"{target} is in the data folder itself, which belongs to the daemon: name a folder "
            "elsewhere, on another disk if you can"
        )
    if target.exists():
        raise StoreError(f"{target} is there already: name a folder that is not, or remove it")
    parent = target.absolute().parent
    try:
        make_folder(parent)
        with TemporaryDirectory(dir=parent, prefix=f".{target.name}-") as name:
            copy = Path(name) / "data"
            copy.mkdir()
            named = _copy_all(folder, copy)
            artifacts = set(FileArtifacts(copy / ARTIFACTS).listed())
            size = sum(file.stat().st_size for file in copy.rglob("*") if file.is_file())
            copy.rename(target)
            sync_folder(parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the backup of {folder} to {target} failed: {error}") from error
    return BackedUp(
        folder=str(target),
        bytes=size,
        artifacts=len(artifacts),
        missing=len(named - artifacts),
    )


def _copy_all(folder: Path, copy: Path) -> set[str]:
    """Artifacts, database, and then the artifacts that came in between; those that are named."""
    (copy / ARTIFACTS).mkdir()
    files = FileArtifacts(folder / ARTIFACTS)
    # Before the database: what retention removes meanwhile is in the copy's rows no more.
    for digest in files.listed():
        _copy_artifact(folder, copy, digest)
    _copy_database(folder / DATABASE, copy / DATABASE)
    if (folder / LOGS).is_file():
        _copy_database(folder / LOGS, copy / LOGS)
    with closing(sqlite3.connect(copy / DATABASE, isolation_level=None)) as raw:
        version_of(raw, str(folder / DATABASE))
        named = named_artifacts(raw)
    for digest in named:
        _copy_artifact(folder, copy, digest)
    for part in [*(copy / ARTIFACTS).iterdir(), copy / ARTIFACTS, copy]:
        if part.is_dir():
            sync_folder(part)
    return named


def _copy_artifact(folder: Path, copy: Path, digest: str) -> None:
    place = Path(ARTIFACTS) / digest[:2] / digest[2:]
    if (copy / place).exists() or not (folder / place).exists():
        return
    (copy / place).parent.mkdir(exist_ok=True)
    try:
        shutil.copyfile(folder / place, copy / place)
    except FileNotFoundError:  # removed meanwhile, or missing: `db check` tells
        (copy / place).unlink(missing_ok=True)
        return
    _sync_file(copy / place)


def _copy_database(file: Path, copy: Path) -> None:
    """In one step, that is within one read: the copy is the state of one moment."""
    with closing(reading(file)) as source, closing(sqlite3.connect(copy)) as raw:
        source.backup(raw)
        # One file, that can be looked at on a read-only disk too; serving makes it WAL again.
        raw.execute("PRAGMA journal_mode = DELETE").fetchall()
    _sync_file(copy)


def _sync_file(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
