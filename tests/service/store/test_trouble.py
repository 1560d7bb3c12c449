from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.errors import FolderLocked, SchemaTooNew, StoreError
from triphammer.service.store.trouble import passes, probe_room, store_trouble


def because_of(cause: Exception) -> StoreError:
    error = StoreError("it cannot be used")
    error.__cause__ = cause
    return error


def full() -> sqlite3.OperationalError:
    raw = sqlite3.connect(":memory:")
    raw.execute("PRAGMA max_page_count = 1")
    with pytest.raises(sqlite3.OperationalError) as raised:
        raw.execute("CREATE TABLE too_much (a)")
    raw.close()
    return raised.value


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EDQUOT])
def test_what_goes_away_by_itself(number: int) -> None:
    assert passes(because_of(OSError(number, "x")))
    assert passes(OSError(number, "x"))


def test_a_full_database_may_have_room_again() -> None:
    assert passes(because_of(full()))
    assert passes(StoreUnavailable("the store cannot commit"))


@pytest.mark.parametrize(
    "error",
    [
        FolderLocked("by another"),
        SchemaTooNew("by a newer one"),
        because_of(PermissionError(errno.EACCES, "x")),
        because_of(sqlite3.DatabaseError("file is not a database")),
    ],
)
def test_what_somebody_must_deal_with(error: StoreError) -> None:
    assert not passes(error)


def test_the_store_is_found_behind_the_groups_that_wrap_it() -> None:
    error = StoreUnavailable("x")
    assert store_trouble(error) is error
    assert store_trouble(ExceptionGroup("", [ExceptionGroup("", [error])])) is error


def test_what_is_a_defect_is_not_taken_for_the_store() -> None:
    assert store_trouble(ValueError()) is None
    assert store_trouble(ExceptionGroup("", [StoreUnavailable("x"), ValueError()])) is None
    assert store_trouble(PermissionError(errno.EACCES, "x")) is None


def test_the_probe_leaves_nothing_behind(tmp_path: Path) -> None:
    probe_room(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_probe_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="gone cannot be written"):
        probe_room(tmp_path / "gone")
