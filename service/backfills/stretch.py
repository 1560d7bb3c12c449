"""From when to when: what somebody wrote as points of time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from triphammer.config.showing import shown
from triphammer.sensors.errors import Rejected
from triphammer.sensors.times import micros, rfc3339, utc

FIRST_YEAR, LAST_YEAR = 1970, 9998
_DAY = timedelta(days=1)


def stretch(begin: str, end: str, zone: ZoneInfo, now: int) -> tuple[int, int]:
    """The first and last microsecond that are meant, of what is past.

    Each is an ISO 8601 date or time, in `zone` where it names none; a date stands for the
    whole day. Raises `Rejected` 422.
    """
    first, last = _moment("from", begin, zone), _moment("to", end, zone, ends=True)
    if first > last:
        raise Rejected(422, f"from={shown(begin)} is after to={shown(end)}: swap them")
    if first > now:
        raise Rejected(
            422,
            f"from={shown(begin)} is still to come (it is {rfc3339(utc(now))}): ticks of the "
            "future fire by themselves",
        )
    return first, min(last, now)


def _moment(name: str, text: str, zone: ZoneInfo, *, ends: bool = False) -> int:
    try:
        if len(text) == len("2026-01-31"):
            return _day(date.fromisoformat(text), zone, ends)
        given = datetime.fromisoformat(text)
        if FIRST_YEAR <= given.year <= LAST_YEAR:
            return micros(given if given.tzinfo is not None else given.replace(tzinfo=zone))
    except ValueError:
        pass
    raise Rejected(
        422,
        f"{name}={shown(text)} is no date or time in ISO 8601 from {FIRST_YEAR} on, such as "
        "2026-01-31 or 2026-01-31T09:30:00+01:00",
    )


def _day(day: date, zone: ZoneInfo, ends: bool) -> int:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError
    midnight = datetime.combine(day + _DAY if ends else day, time(), zone)
    return micros(midnight) - (1 if ends else 0)
