"""A look at files that may be whole: what `Readiness` judges by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from triphammer.config.clock import Clock, steady
from triphammer.sensors.files.identity import identity_of
from triphammer.sensors.files.markers import Marker, belongs
from triphammer.sensors.files.readiness import Look
from triphammer.sensors.files.scanning import Scope, status_at
from triphammer.sensors.files.versions import Version


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that was looked at; both are None when there is none."""

    path: str
    look: Look | None
    version: Version | None


def look_at(scope: Scope, paths: Sequence[str], marker: Marker | None, clock: Clock) -> list[Seen]:
    """Look at the files at `paths`, one after the other. Blocks: call it in a thread."""
    return [_look(scope, path, marker, clock) for path in paths]


def _look(scope: Scope, path: str, marker: Marker | None, clock: Clock) -> Seen:
    seen, now = steady(), clock.now()
    status = status_at(scope.at(path))
    if status is None:
        return Seen(path, None, None)
    mark = None if marker is None else status_at(scope.at(marker.of(path)))
    marked = mark is not None and belongs(mark, status)
    age = now - status.st_ctime_ns // 1000
    look = Look(identity_of(status), seen - age, seen, marked)
    return Seen(path, look, Version(path, scope.at(path), status))
