"""When ticks are due: pure, over int64 microseconds UTC.

A schedule answers four questions. `next_after(time)`: the first tick later than `time`.
`newest(after, until)`: of the ticks later than `after` and not later than `until`, the last
one and how many there are. `previous(due)`: the tick before the tick `due`. `is_due(time)`:
whether that is a tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim

from triphammer.sensors.times import micros, utc

COUNTED = 1000
"""Cron ticks are counted one by one, up to this many: a count never holds up the loop."""

SECOND = 1_000_000


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


@dataclass(frozen=True, slots=True)
class Cron:
    """Ticks of a cron expression in a time zone, by the rules of Debian's cron (cronsim).

    Daylight saving: a job at fixed times whose hour is skipped runs right after the gap, one
    whose hour comes twice runs the first time only. Jobs with `*` in minute or hour, and
    those with a field of seconds, follow real time.
    """

    expression: str
    zone: ZoneInfo

    def next_after(self, time: int) -> int | None:
        return next(self._after(time), None)

    def newest(self, after: int, until: int) -> Overdue | None:
        found: Overdue | None = None
        for count, due in enumerate(self._after(after), start=1):
            if due > until:
                return found
            if count > COUNTED:
                last = self.previous(until + 1)
                return Overdue(due if last is None else last, COUNTED)
            found = Overdue(due, count)
        return found

    def previous(self, due: int) -> int | None:
        """The last tick before `due`, which need not be a tick itself."""
        backwards = CronSim(self.expression, self._local(due), reverse=True)
        for found in backwards:
            last = micros(found)
            # Around a change of daylight saving the way back may step differently: what
            # counts is the way forward.
            if last < due and self.is_due(last):
                return self._last_before(due, last)
        return None

    def is_due(self, time: int) -> bool:
        return self.next_after(time - 1) == time

    def _last_before(self, due: int, found: int) -> int:
        while (later := self.next_after(found)) is not None and later < due:
            found = later
        return found

    def _after(self, time: int) -> Iterator[int]:
        while True:
            due = self._step(time)
            if due is None:
                return
            yield due
            time = due

    def _step(self, time: int) -> int | None:
        # Where an hour comes twice, cronsim answers with the first one even if that is past.
        for found in CronSim(self.expression, self._local(time)):
            if (due := micros(found)) > time:
                return due
        return None

    def _local(self, time: int) -> datetime:
        # cronsim knows UTC by identity only.
        return utc(time).astimezone(UTC if self.zone.key == "UTC" else self.zone)
