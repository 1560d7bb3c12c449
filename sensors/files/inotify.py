"""Linux: an inotify descriptor on the loop. One watch a folder, no thread, no polling."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

import anyio

from triphammer.sensors.errors import SensorError
from triphammer.sensors.files.feed import News
from triphammer.sensors.files.scanning import Scope

# <sys/inotify.h>; see inotify(7).
IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE = 0x2, 0x4, 0x8
IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x40, 0x80, 0x100, 0x200
IN_DELETE_SELF, IN_MOVE_SELF = 0x400, 0x800
IN_UNMOUNT, IN_Q_OVERFLOW, IN_IGNORED = 0x2000, 0x4000, 0x8000
IN_ONLYDIR, IN_DONT_FOLLOW, IN_ISDIR = 0x0100_0000, 0x0200_0000, 0x4000_0000
IN_NONBLOCK, IN_CLOEXEC = os.O_NONBLOCK, getattr(os, "O_CLOEXEC", 0)

_CAME = IN_CREATE | IN_MOVED_TO
_WENT = IN_DELETE | IN_MOVED_FROM
_LOST = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT
MASK = (
    _CAME | _WENT | IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF
    | IN_ONLYDIR
)  # fmt: skip
BUFFER = 64 * 1024
_HEADER = struct.Struct("iIII")
LIMITS = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What the kernel answers when there are no more watches or instances to be had."""

UNKNOWN = "/"
"""No folder below the watched one is named so."""

SUPPORTED = sys.platform == "linux"


class Notification(NamedTuple):
    """One `struct inotify_event`."""

    watch: int
    mask: int
    name: str


def parse(buffer: bytes) -> Iterator[Notification]:
    """The notifications in what one read of the descriptor returned."""
    at = 0
    while at < len(buffer):
        watch, mask, _cookie, length = _HEADER.unpack_from(buffer, at)
        at += _HEADER.size
        name = os.fsdecode(buffer[at : at + length].rstrip(b"\0"))
        at += length
        yield Notification(watch, mask, name)


class Inotify:
    """A feed for the folders of a scope. Raises OSError (see `LIMITS`) when there is none."""

    def __init__(self, scope: Scope) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._scope = scope
        self._descriptor = self._checked(self._libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC))
        self._folders: dict[int, str | None] = {}
        self._root: int | None = None

    def watch(self, folder: str) -> None:
        """Watch that folder; also when it is watched already. Raises OSError, SensorError."""
        path = os.fsencode(self._scope.at(folder))
        mask = MASK | (IN_DONT_FOLLOW if folder else 0)
        watch = self._checked(self._libc.inotify_add_watch(self._descriptor, path, mask))
        self._folders[watch] = folder
        if not folder:
            self._hold_root(watch)

    async def run(self, news: News) -> None:
        """Tell of changes until cancelled. Raises SensorError once the folder is lost."""
        while True:
            await anyio.wait_readable(self._descriptor)
            for notification in parse(self._read()):
                self._tell(notification, news)
            await anyio.lowlevel.checkpoint()

    def close(self) -> None:
        """Give the descriptor and all watches back."""
        os.close(self._descriptor)

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, BUFFER)
        except BlockingIOError:
            return b""

    def _tell(self, notification: Notification, news: News) -> None:
        watch, mask, name = notification
        if mask & IN_Q_OVERFLOW:
            news.missed("the kernel's queue of file notifications was full")
            return
        if mask & IN_IGNORED:
            self._folders.pop(watch, None)
            return
        folder = self._folders.get(watch, UNKNOWN)
        if folder is None:
            return
        if folder == UNKNOWN:
            # Between a scan's call of inotify_add_watch and its entry in the table.
            news.missed("a notification came for a folder that was just added")
        elif mask & _LOST:
            self._lost(folder)
        else:
            path = f"{folder}/{name}" if folder else name
            tell = self._tell_folder if mask & IN_ISDIR else _tell_file
            tell(path, mask, news)

    def _tell_folder(self, path: str, mask: int, news: News) -> None:
        if mask & _WENT:
            self._forget(path)
            news.folder_gone(path)
        elif mask & _CAME:
            news.folder_came(path)

    def _lost(self, folder: str) -> None:
        # A folder below tells its parent as well; only the watched one has no parent here.
        if not folder:
            raise SensorError(
                f"the watched folder {self._scope.folder} was removed, moved or unmounted;"
                " it is looked for again"
            )

    def _forget(self, gone: str) -> None:
        """Drop the watches of a folder that is gone from there, and of all below it.

        A watch follows a folder that is renamed: its table entry would name a wrong path.
        """
        for watch, folder in list(self._folders.items()):
            if folder is not None and (folder == gone or folder.startswith(gone + "/")):
                # Until the kernel says IN_IGNORED there may be notifications of it.
                self._folders[watch] = None
                # Fails where the kernel has dropped the watch itself.
                self._libc.inotify_rm_watch(self._descriptor, watch)

    def _hold_root(self, watch: int) -> None:
        if self._root not in (None, watch):
            raise SensorError(f"the watched folder {self._scope.folder} is another one by now")
        self._root = watch

    @staticmethod
    def _checked(result: int) -> int:
        if result == -1:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result


def _tell_file(path: str, mask: int, news: News) -> None:
    if mask & _WENT:
        news.gone(path)
    elif mask & IN_MOVED_TO:
        news.arrived(path)
    elif mask & IN_CLOSE_WRITE:
        news.written(path)
    elif mask & (IN_CREATE | IN_MODIFY | IN_ATTRIB):
        news.changed(path)
