"""What the feed told and the sensor has not dealt with yet."""

from __future__ import annotations

import logging

import anyio

from triphammer.config.clock import steady
from triphammer.sensors.files.readiness import Readiness
from triphammer.sensors.files.scanning import Scope
from triphammer.sensors.files.versions import position_key


class Noted:
    """Takes the news of a feed: into `readiness`, and into lists of folders and lost files.

    `known` are the versions emitted so far, by position key; what is gone leaves it and waits
    in `forgotten` until that is stored. All of it is bounded by the number of files.
    """

    def __init__(self, scope: Scope, readiness: Readiness, log: logging.Logger) -> None:
        self._scope = scope
        self._readiness = readiness
        self._log = log
        self._folders: set[str] = set()
        self._wake = anyio.Event()
        self.known: dict[str, str] = {}
        self.forgotten: set[str] = set()

    def heard(self) -> anyio.Event:
        """An event that the next news set; take it before looking at what there is."""
        if self._wake.is_set():
            self._wake = anyio.Event()
        return self._wake

    def take_folders(self) -> list[str]:
        """The folders to scan; "" for everything."""
        folders, self._folders = self._folders, set()
        return [""] if "" in folders else sorted(folders)

    def changed(self, path: str) -> None:
        """A file was made or written to."""
        if self._readiness.immediate and position_key(path) in self.known:
            return
        self.written(path)

    def written(self, path: str) -> None:
        """A file was closed after writing; a notification of a file, if no more is known."""
        if self._is_marker(path):
            self._readiness.marked(path, steady())
        elif self._scope.globs.matches(path):
            self._readiness.noticed(path, steady())
        self._wake.set()

    def arrived(self, path: str) -> None:
        """A file came by a rename."""
        if not self._is_marker(path) and self._scope.globs.matches(path):
            self._readiness.arrived(path, steady())
            self._wake.set()
        else:
            self.written(path)

    def gone(self, path: str) -> None:
        """A file is there no more: a later one of its name is a new one."""
        self._readiness.gone(path)
        self.forget(position_key(path))

    def folder_came(self, path: str) -> None:
        """A folder is new."""
        if self._scope.enters(path):
            self._folders.add(path)
            self._wake.set()

    def folder_gone(self, path: str) -> None:
        """A folder and all below it are there no more."""
        inside = path + "/"
        for file in self._readiness.paths():
            if file.startswith(inside):
                self._readiness.gone(file)
        for key in [key for key in self.known if key.removeprefix("//").startswith(inside)]:
            self.forget(key)

    def missed(self, reason: str) -> None:
        """News were lost: everything must be scanned."""
        self._log.info("scanning all of %s: %s", self._scope.folder, reason)
        self._folders.add("")
        self._wake.set()

    def forget(self, key: str) -> None:
        """The version of that key is there no more."""
        if self.known.pop(key, None) is not None:
            self.forgotten.add(key)
            self._wake.set()

    def _is_marker(self, path: str) -> bool:
        marker = self._readiness.marker
        return marker is not None and marker.is_marker(path)
