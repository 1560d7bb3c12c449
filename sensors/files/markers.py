"""Marker files: `done_file("{name}.done")`."""

from __future__ import annotations

import os
import re
from typing import Protocol


class Times(Protocol):
    """What of `os.stat_result` tells when a file changed."""

    @property
    def st_ctime_ns(self) -> int: ...
    @property
    def st_mtime_ns(self) -> int: ...


class Marker:
    """The names of markers and of the files that they stand for."""

    def __init__(self, template: str) -> None:
        self._template = template
        before, field, after = re.split(r"\{(name|stem)\}", template)
        self._field = field
        self._regex = re.compile(rf"\A{re.escape(before)}(?P<of>.+){re.escape(after)}\Z", re.DOTALL)

    def of(self, path: str) -> str:
        """The marker of the file at `path`, beside it."""
        folder, name = os.path.split(path)
        value = name if self._field == "name" else os.path.splitext(name)[0]  # noqa: PTH122 - text
        marker = self._template.replace("{" + self._field + "}", value)
        return f"{folder}/{marker}" if folder else marker

    def is_marker(self, path: str) -> bool:
        """True when the name of `path` is a marker's."""
        return self._regex.search(path.rpartition("/")[2]) is not None


def belongs(marker: Times, file: Times) -> bool:
    """True unless the marker is older than the file: then it stands for an earlier version.

    One of two clocks must say so: a file's time of change may be copied from elsewhere.
    """
    return marker.st_ctime_ns >= file.st_ctime_ns or marker.st_mtime_ns >= file.st_mtime_ns
