"""When ticks are due: pure, over int64 microseconds UTC.

A schedule answers five questions. `next_after(time)`: the first tick later than `time`.
`newest(after, until)`: of the ticks later than `after` and not later than `until`, the last
one and how many there are. `previous(due)`: the tick before the tick `due`. `is_due(time)`:
whether that is a tick. `ticks_after(time)`: all ticks later than `time`, in order.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim

from triphammer.sensors.times import micros, utc

COUNTED = 1000
"""Cron ticks are counted one by one, up to this many: a count never holds up the loop."""

MINUTE = 60_000_000
DAY = 1440 * MINUTE
LONGEST = 64 * 366 * DAY
"""How far back the tick before is looked for: 29 February on a certain weekday is rare."""
_MICROSECOND = timedelta(microseconds=1)


class Overdue(NamedTuple):
    """The last of some ticks and their number (cron: `COUNTED` stands for any more)."""

    due: int
    number: int


class Schedule(Protocol):
    """A rule for when ticks are due."""

    def next_after(self, time: int) -> int | None: ...

    def newest(self, after: int, until: int) -> Overdue | None: ...

    def previous(self, due: int) -> int | None: ...

    def is_due(self, time: int) -> bool: ...

    def ticks_after(self, time: int) -> Iterator[int]: ...


@dataclass(frozen=True, slots=True)
class Every:
    """A tick each `period`, counted from the last one: `time` and `after` are ticks."""

    period: int

    def next_after(self, time: int) -> int:
        return time + self.period

    def newest(self, after: int, until: int) -> Overdue | None:
        count = (until - after) // self.period
        return Overdue(after + count * self.period, count) if count > 0 else None

    def previous(self, due: int) -> int:
        return due - self.period

    def is_due(self, time: int) -> bool:
        return True

    def ticks_after(self, time: int) -> Iterator[int]:
        return itertools.count(time + self.period, self.period)


@dataclass(frozen=True, slots=True)
class At:
    """One tick only."""

    time: int

    def next_after(self, time: int) -> int | None:
        return self.time if self.time > time else None

    def newest(self, after: int, until: int) -> Overdue | None:
        return Overdue(self.time, 1) if after < self.time <= until else None

    def previous(self, due: int) -> None:
        return None

    def is_due(self, time: int) -> bool:
        return time == self.time

    def ticks_after(self, time: int) -> Iterator[int]:
        return iter([self.time] if self.time > time else [])


@dataclass(frozen=True, slots=True)
class Cron:
    """Ticks of a cron expression in a time zone, by the rules of Debian's cron.

    Where the zone moves its clocks: a job at fixed times whose time is skipped runs right after
    the gap, one whose time comes twice runs the first time only. Jobs with `*` at the beginning
    of minute or hour, and those with a field of seconds, follow real time. cronsim says which
    wall times fit; what the zone makes of them is worked out here, because cronsim steps by
    whole hours, and not every zone does.
    """

    expression: str
    zone: ZoneInfo

    def next_after(self, time: int) -> int | None:
        return next(self.ticks_after(time), None)

    def newest(self, after: int, until: int) -> Overdue | None:
        found: Overdue | None = None
        for count, due in enumerate(self.ticks_after(after), start=1):
            if due > until:
                return found
            if count > COUNTED:
                last = self.previous(until + 1)
                return Overdue(due if last is None else last, COUNTED)
            found = Overdue(due, count)
        return found

    def previous(self, due: int) -> int | None:
        """The last tick before `due`, which need not be a tick itself."""
        found = self._some_before(due)
        if found is None:
            return None
        quiet = due - 1  # no tick lies between here and `due`
        while found < quiet:
            middle = (found + quiet) // 2
            later = self._next_below(middle, due)
            if later is None:
                quiet = middle
            else:
                found = later
        return found

    def is_due(self, time: int) -> bool:
        return self.next_after(time - 1) == time

    def _some_before(self, due: int) -> int | None:
        span = MINUTE
        while span < LONGEST:
            found = self._next_below(due - span, due)
            if found is not None:
                return found
            span *= 8
        return self._next_below(due - LONGEST, due)

    def _next_below(self, time: int, due: int) -> int | None:
        found = self.next_after(time)
        return None if found is None or found >= due else found

    def ticks_after(self, time: int) -> Iterator[int]:
        """All ticks later than `time`, in order."""
        minute, hour, *others = self.expression.split()
        if len(others) > 3 or minute.startswith("*") or hour.startswith("*"):
            return self._in_real_time(time)
        return self._at_fixed_times(time)

    # --- jobs at fixed times: each time of the wall once ----------------------------------

    def _at_fixed_times(self, time: int) -> Iterator[int]:
        last = time
        for wall in CronSim(self.expression, _wall(time, self._offset(time))):
            due = self._first_moment(wall)
            if due > last:  # else the hour comes twice, or two times fall into one gap
                last = due
                yield due

    def _first_moment(self, wall: datetime) -> int:
        """When the clocks show `wall` for the first time, or the end of the gap it lies in."""
        due = micros(wall.replace(tzinfo=self.zone))
        if _wall(due, self._offset(due)) == wall:
            return due
        return self._change(micros(wall.replace(tzinfo=self.zone, fold=1)), due)

    # --- frequent jobs: from one change of the clocks to the next -------------------------

    def _in_real_time(self, time: int) -> Iterator[int]:
        goes_on: int | None = time
        while goes_on is not None:
            goes_on = yield from self._until_change(goes_on)

    def _until_change(self, time: int) -> Generator[int, None, int | None]:
        """Ticks after `time` while the zone's offset stays; the time to go on after."""
        offset = self._offset(time + 1)
        seen = time + 1
        for wall in CronSim(self.expression, _wall(time, offset)):
            due = micros(wall.replace(tzinfo=UTC)) - offset
            change = self._first_change(seen, due)
            if change is not None:
                return change - 1
            yield due
            seen = due
        return None

    def _first_change(self, after: int, until: int) -> int | None:
        """The first moment not later than `until` with another offset than at `after`."""
        offset = self._offset(after)
        while after < until:
            later = min(after + DAY, until)
            if self._offset(later) != offset:
                return self._change(after, later)
            after = later
        return None

    def _change(self, before: int, after: int) -> int:
        """When the offset of `before` ends; at `after` it has."""
        offset = self._offset(before)
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == offset:
                before = middle
            else:
                after = middle
        return after

    def _offset(self, time: int) -> int:
        """What the zone's clocks are ahead of UTC, in microseconds."""
        return (utc(time).astimezone(self.zone).utcoffset() or timedelta()) // _MICROSECOND


def _wall(time: int, offset: int) -> datetime:
    """What clocks show that are `offset` ahead of UTC, without a zone."""
    return utc(time + offset).replace(tzinfo=None)
