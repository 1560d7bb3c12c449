"""Sensor kinds by name. Built-in kinds and plug-ins come in through the same door."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import cast

from triphammer.sensors.contract import Sensor
from triphammer.sensors.errors import SourceError

GROUP = "triphammer.sensors"


def sensor_kind(kind: str) -> type[Sensor]:
    """The sensor class that the entry point `kind` of group `triphammer.sensors` names.

    Raises SourceError for an unknown kind, one that two packages provide, and one that cannot
    be imported.
    """
    found = {point.value: point for point in entry_points(group=GROUP, name=kind)}
    if not found:
        known = ", ".join(sorted({point.name for point in entry_points(group=GROUP)})) or "none"
        raise SourceError(
            f"there is no sensor of kind {kind!r}; installed are: {known}. Install the package"
            f" that provides it (entry point group {GROUP!r})"
        )
    if len(found) > 1:
        raise SourceError(
            f"the sensor kind {kind!r} is provided more than once: {', '.join(sorted(found))};"
            " uninstall all packages but one"
        )
    return _load(next(iter(found.values())))


def _load(point: EntryPoint) -> type[Sensor]:
    try:
        return cast(type[Sensor], point.load())
    except (ImportError, AttributeError) as error:
        raise SourceError(
            f"the sensor kind {point.name!r} ({point.value}) cannot be loaded: {error}"
        ) from error
