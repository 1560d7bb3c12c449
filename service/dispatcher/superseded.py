"""A run about a file version that is there no more does not begin."""

from __future__ import annotations

from triphammer.sensors.event import Event
from triphammer.sensors.files.move import is_current

FILE_TYPES = frozenset({"triphammer.file.created", "triphammer.file.changed"})


def why_superseded(event: Event) -> str | None:
    """Why a run about `event` must not begin: its file has changed since, or is gone."""
    if event.type not in FILE_TYPES or "identity" not in event.extensions:
        return None
    path, identity = event.data["path"], str(event.extensions["identity"])
    if is_current(path, identity):
        return None
    return f"{path} has changed since the event: the run of its newer version takes over"
