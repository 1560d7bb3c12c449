"""What is emitted about one version of a file: its event, its claim, its dead record."""

from __future__ import annotations

import os
from dataclasses import dataclass

from triphammer.sensors.codec import new_event
from triphammer.sensors.contract import Claim, DeadRecord
from triphammer.sensors.event import Event
from triphammer.sensors.files.identity import identity_of
from triphammer.sensors.files.source import CHANGED, CREATED, event_source
from triphammer.sensors.times import rfc3339, utc


def position_key(path: str) -> str:
    """The key of the file's stored position: its path, or one that no path has.

    A name that is not UTF-8 cannot be stored as text, so its bytes are escaped.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return "//" + os.fsencode(path).decode(errors="backslashreplace")
    return path


@dataclass(frozen=True, slots=True)
class Version:
    """One whole version of the file at `path` below the watched folder."""

    path: str
    absolute: str
    status: os.stat_result

    @property
    def identity(self) -> str:
        """`inode:size:mtime_ns`."""
        return identity_of(self.status)

    def event(self, folder: str, *, changed: bool, now: int) -> Event:
        """The event of this version, in the folder that the source names so."""
        identity = self.identity
        return new_event(
            id=f"{self.path}:{identity}",
            source=event_source(folder),
            type=CHANGED if changed else CREATED,
            subject=self.path,
            data={
                "path": self.absolute,
                "name": self.path.rpartition("/")[2],
                "size": self.status.st_size,
                "mtime": rfc3339(utc(self.status.st_mtime_ns // 1000)),
            },
            extensions={"identity": identity},
            now=now,
        )

    def claim(self, done: str | None, failed: str | None) -> Claim:
        """What to do with the file after the last run of its event."""
        return Claim(self.absolute, self.identity, self.path, done, failed)

    def dead(self, folder: str) -> DeadRecord:
        """This version as a record that cannot become an event: its name is no text."""
        key = position_key(self.path)
        return DeadRecord(
            id=f"{key}:{self.identity}",
            source=event_source(folder),
            reason=f'the file name "{key[2:]}" is not UTF-8: rename the file',
            payload=os.fsencode(self.path),
        )
