"""How many runs each day of a year had: where each day stands, and how dark it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from triphammer.service.store.looking import DayCount

WEEKS = 53
STEP, SIZE, LEFT, TOP = 14, 11, 30, 18
"""In pixels: from one day to the next, a day's own size, and the room for names of days and
months."""
LEVELS = 4
MARKED = 10
"""One in so many runs of a day has failed: that is worth a mark."""
LISTED = 31
"""Days that are told one by one, besides the months."""
EPOCH = date(1970, 1, 1)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Day:
    """A day and its place. `level` is 0 for none to `LEVELS` for as many as on the busiest."""

    on: date
    total: int
    failed: int
    level: int
    x: int
    y: int

    @property
    def is_marked(self) -> bool:
        """Whether one in `MARKED` of its runs or more has failed."""
        return bool(self.failed) and MARKED * self.failed >= self.total

    @property
    def is_bad(self) -> bool:
        """Whether half of its runs or more have failed."""
        return bool(self.failed) and 2 * self.failed >= self.total

    @property
    def following(self) -> date:
        """The day after it."""
        return self.on + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Month:
    """All days of a month that the map has, and the first of the next one."""

    name: str
    first: date
    following: date
    total: int
    failed: int


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Days by week from left to right, and where each month's name stands."""

    days: tuple[Day, ...]
    months: tuple[tuple[int, str], ...]
    width: int
    height: int

    @property
    def busy(self) -> list[Day]:
        """The last `LISTED` days with runs, the latest first: for a table."""
        return [day for day in reversed(self.days) if day.total][:LISTED]

    @property
    def by_month(self) -> list[Month]:
        """Months with runs, the latest first: for a table."""
        found: dict[date, list[Day]] = {}
        for day in reversed(self.days):
            found.setdefault(day.on.replace(day=1), []).append(day)
        return [_month(first, days) for first, days in found.items() if any(d.total for d in days)]

    @property
    def total(self) -> int:
        """Runs of all days."""
        return sum(day.total for day in self.days)

    @property
    def failed(self) -> int:
        """Failed runs of all days."""
        return sum(day.failed for day in self.days)


def first_day(today: date) -> date:
    """The Monday that a map up to `today` begins with."""
    monday = today - timedelta(days=today.weekday())
    return monday - timedelta(weeks=WEEKS - 1)


def start_of(day: date) -> int:
    """When a day begins in UTC, in microseconds since 1970."""
    return (day - EPOCH) // timedelta(microseconds=1)


def heat_map(counts: Sequence[DayCount], today: date) -> HeatMap:
    """The map of the `WEEKS` weeks up to `today`, in UTC; days outside of them are left out."""
    totals: dict[date, int] = {}
    failed: dict[date, int] = {}
    for count in counts:
        day = EPOCH + timedelta(days=count.day)
        totals[day] = totals.get(day, 0) + count.runs
        if count.state == "failed":
            failed[day] = failed.get(day, 0) + count.runs
    first = first_day(today)
    dates = [first + timedelta(days=n) for n in range((today - first).days + 1)]
    most = max((totals.get(day, 0) for day in dates), default=0)
    days = tuple(
        Day(
            on=day,
            total=totals.get(day, 0),
            failed=failed.get(day, 0),
            level=_level(totals.get(day, 0), most),
            x=LEFT + number // 7 * STEP,
            y=TOP + number % 7 * STEP,
        )
        for number, day in enumerate(dates)
    )
    months = tuple(_months(days))
    return HeatMap(days, months, LEFT + WEEKS * STEP, TOP + 7 * STEP)


def _month(first: date, days: Sequence[Day]) -> Month:
    return Month(
        name=f"{MONTHS[first.month - 1]} {first.year}",
        first=first,
        following=(first + timedelta(days=31)).replace(day=1),
        total=sum(day.total for day in days),
        failed=sum(day.failed for day in days),
    )


def _level(total: int, most: int) -> int:
    return 0 if not total else -(-total * LEVELS // most)


def _months(days: Sequence[Day]) -> Iterator[tuple[int, str]]:
    """The months that begin in the map. One that has hardly begun in its last column would
    stand over the edge."""
    for day in days:
        if day.on.day == 1 and day.x <= LEFT + (WEEKS - 2) * STEP:
            yield day.x, MONTHS[day.on.month - 1]
