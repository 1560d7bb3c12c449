"""Errors of the disk: which of them pass, and whether the store can be opened again."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.errors import StoreError

ROOM = 256 * 1024
"""Bytes that must fit on the disk before the store is opened again: less would not last for
more than a few commits."""
PROBE = "room"

_PASSING = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
}
_PASSING_SQLITE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_BUSY,
}


def probe_room(folder: Path) -> None:
    """Write as much as a few commits need, durably, and remove it again.

    Raises `StoreError`: opening the store only to find the disk still full would begin runs
    that cannot go on.
    """
    file = folder / PROBE
    try:
        try:
            with file.open("wb", buffering=0) as probe:
                _write_all(probe.fileno(), bytes(ROOM))
                os.fsync(probe.fileno())
        finally:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"the data folder {folder} cannot be written: {error.strerror}") from error


def _write_all(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


def is_away(error: OSError, folder: Path) -> bool:
    """Whether after `error` nothing more can be written below `folder`.

    False where only so much cannot: a content that is larger than what is left of the disk.
    """
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error.errno in (*_PASSING, errno.EROFS)
    try:
        probe_room(folder)
    except StoreError:
        return True
    return False


def passes(error: Exception) -> bool:
    """Whether `error` is of a kind that goes away by itself: a full disk, too many open files.

    Others (another daemon, a newer schema, no permission) somebody must deal with.
    """
    cause = error.__cause__ or error
    if isinstance(cause, OSError):
        return cause.errno in _PASSING
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode & 0xFF in _PASSING_SQLITE
    return isinstance(error, StoreUnavailable)


def store_trouble(error: BaseException) -> Exception | None:
    """The store's error in `error`, which task groups may have wrapped; None if anything
    else went wrong too."""
    if isinstance(error, (StoreError, StoreUnavailable)):
        return error
    if isinstance(error, OSError):
        return error if error.errno in (*_PASSING, errno.EROFS) else None
    inner: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    found = [store_trouble(one) for one in inner]
    return found[0] if found and all(found) else None
