"""Looking at a folder: which files are there that the globs match, and what they are."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from triphammer.sensors.files.globs import Globs
from triphammer.sensors.files.identity import identity_of

Watch = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a folder is watched: paths below it, with `/`, the folder itself being "".

    `excluded` are absolute folders that are never looked into (`done=`, `failed=`).
    """

    folder: Path
    globs: Globs
    excluded: frozenset[str]

    def enters(self, folder: str) -> bool:
        """True for the folder itself and those below it that may hold matching files."""
        return not folder or (self.globs.enters(folder) and self.at(folder) not in self.excluded)

    def at(self, path: str) -> str:
        """The absolute path of what lies at `path` below the folder."""
        return f"{self.folder}/{path}" if path else str(self.folder)

    def below(self, absolute: str) -> str:
        """The path below the folder of what lies at the `absolute` path."""
        path = os.path.relpath(absolute, self.folder).replace(os.sep, "/")
        return "" if path == "." else path


@dataclass(slots=True)
class Findings:
    """What a scan found: the identity of each file by path, and what it could not read.

    `whole` is true when everything was scanned, which took `seconds`.
    """

    whole: bool
    seconds: float = 0.0
    files: dict[str, str] = field(default_factory=dict[str, str])
    unreadable: list[str] = field(default_factory=list[str])


def scan(scope: Scope, folders: Sequence[str], watch: Watch) -> Findings:
    """Look through `folders` and all below them. Each is watched first, then listed.

    In that order nothing is missed: a file that comes after the listing is notified. Raises
    OSError when the watched folder itself cannot be read, and what `watch` raises but for
    folders that are gone or unreadable.
    """
    findings = Findings(whole="" in folders)
    began = time.monotonic()
    waiting = list(folders)
    while waiting:
        folder = waiting.pop()
        try:
            watch(folder)
            waiting += _list(scope, folder, findings)
        except (FileNotFoundError, NotADirectoryError):
            if not folder:
                raise
        except PermissionError as error:
            if not folder:
                raise
            findings.unreadable.append(f"{scope.at(folder)}: {error.strerror}")
    findings.seconds = time.monotonic() - began
    return findings


def _list(scope: Scope, folder: str, findings: Findings) -> list[str]:
    """Note the files of one folder; the folders in it that are to be looked into."""
    below: list[str] = []
    with os.scandir(scope.at(folder)) as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if scope.enters(path):
                    below.append(path)
            elif scope.globs.matches(path):
                status = status_at(entry.path)
                if status is not None:
                    findings.files[path] = identity_of(status)
    return below


def status_at(path: str) -> os.stat_result | None:
    """The status of the plain file at `path`; None when there is none that can be seen."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a hot path without a Path object
    except (OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None
