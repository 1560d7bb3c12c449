"""Debian's cron by brute force: every minute of the wall is asked whether it is due.

From crontab(5) and cron(8): a day fits if day of month and day of week both do, or, where
neither begins with `*`, if one of them does. Where the clocks are moved, jobs that begin minute
or hour with `*` go by real time; the others run right after a gap that swallowed them, and once
where an hour comes twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from triphammer.sensors.times import micros

ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/St_Johns",
        "Africa/Casablanca",  # back for Ramadan
        "Australia/Lord_Howe",  # half an hour
        "Pacific/Auckland",
    )
]
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


Day = tuple[int, int, int, int]
"""Year, month, day of the month, day of the week (Sunday is 0)."""


class CronOracle:
    """All ticks of expressions in `zone` from `start` to `end` (UTC, exclusive)."""

    def __init__(self, zone: ZoneInfo, start: datetime, end: datetime) -> None:
        self._zone = zone
        self._start = start
        self._end = end
        self._walks: dict[bool, dict[Day, list[tuple[int, int]]]] = {}

    def dues(self, expression: str) -> list[int]:
        minute, hour, day, month, weekday = expression.split()
        minutes, hours, months = field(minute, 0, 59), field(hour, 0, 23), field(month, 1, 12)
        days, weekdays = field(day, 1, 31), {n % 7 for n in field(weekday, 0, 7)}
        wanted = {60 * h + m for h in hours for m in minutes}
        both = day.startswith("*") or weekday.startswith("*")
        fixed = not minute.startswith("*") and not hour.startswith("*")
        found: set[int] = set()
        for (_, of_year, of_month, of_week), walk in self._walk(fixed).items():
            fits = (of_month in days, of_week in weekdays)
            if of_year in months and (all(fits) if both else any(fits)):
                found.update(due for due, time in walk if time in wanted)
        first, end = micros(self._start), micros(self._end)
        return sorted(due for due in found if first <= due < end)

    def _walk(self, fixed: bool) -> dict[Day, list[tuple[int, int]]]:
        """By day of the wall: when each of its minutes is, and which minute of the day it is."""
        if fixed not in self._walks:
            days = self._walks[fixed] = {}
            for due, t in self._of_the_wall() if fixed else self._of_real_time():
                day = (t.year, t.month, t.day, t.isoweekday() % 7)
                days.setdefault(day, []).append((due, 60 * t.hour + t.minute))
        return self._walks[fixed]

    def _of_real_time(self) -> Iterator[tuple[int, datetime]]:
        time = self._start
        while time < self._end:
            yield micros(time), time.astimezone(self._zone)
            time += MINUTE

    def _of_the_wall(self) -> Iterator[tuple[int, datetime]]:
        """Each minute of the wall once: its first occurrence, or the end of its gap."""
        time = (self._start - DAY).replace(tzinfo=None)
        while time < (self._end + DAY).replace(tzinfo=None):
            real = time
            while not self._exists(real):
                real += MINUTE
            yield micros(real.replace(tzinfo=self._zone)), time
            time += MINUTE

    def _exists(self, wall: datetime) -> bool:
        there_and_back = wall.replace(tzinfo=self._zone).astimezone(UTC).astimezone(self._zone)
        return there_and_back.replace(tzinfo=None, fold=0) == wall


def field(text: str, low: int, high: int) -> set[int]:
    """The values of a field made of `*`, `*/n`, numbers and ranges."""
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        begin, _, end = ("", "", "") if span == "*" else span.partition("-")
        first = int(begin) if begin else low
        last = high if span == "*" else int(end or begin)
        found.update(range(first, last + 1, int(step or 1)))
    return found
