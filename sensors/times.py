"""Points of time: int64 microseconds UTC inside, RFC 3339 text outside."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:)(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_NO_TIME = "is no RFC 3339 time such as 2026-01-31T09:30:00Z"


def utc(micros: int) -> datetime:
    """The aware UTC time that is `micros` microseconds after 1970-01-01, exactly."""
    return EPOCH + timedelta(microseconds=micros)


def micros(time: datetime) -> int:
    """Microseconds since 1970-01-01 UTC of an aware `time`, exactly."""
    return (time - EPOCH) // _MICROSECOND


def rfc3339(time: datetime) -> str:
    """`time` as RFC 3339 text in UTC, with `Z`; microseconds only where there are any."""
    return time.astimezone(UTC).isoformat()[:-6] + "Z"


def parse_rfc3339(text: str) -> datetime:
    """The aware UTC time that an RFC 3339 `date-time` names (RFC 3339, section 5.6).

    A leap second is taken as the second after it, digits beyond microseconds are dropped.
    Raises ValueError that names the text, also where the time cannot be put in UTC.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:60]!r} {_NO_TIME}")
    date, clock, second, fraction, zone = found.groups()
    leap = second == "60"
    plain = f"{date}T{clock}{'59' if leap else second}{(fraction or '')[:7]}{zone.upper()}"
    try:
        time = datetime.fromisoformat(plain).astimezone(UTC)
        return time + timedelta(seconds=1) if leap else time
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:60]!r} {_NO_TIME}: {error}") from error
