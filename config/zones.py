"""Time zones by their IANA names."""

from __future__ import annotations

from zoneinfo import ZoneInfo

LONGEST = 100
"""What is longer is no name: looking for it would go as deep as it has parts."""


def zone_named(name: str) -> ZoneInfo | None:
    """The time zone of that name, None where there is none."""
    try:
        return ZoneInfo(name) if len(name) <= LONGEST else None
    except (LookupError, ValueError, OSError):
        return None
