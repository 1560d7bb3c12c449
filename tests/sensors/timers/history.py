"""What timers must do in a history of running, stops and leaps of the clock: a reference.

Written from the policies' words, over finished histories. All times are microseconds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress

LOOK = 5_000_000
"""`every` may notice that late that the clock was set back."""


@dataclass(frozen=True)
class Stretch:
    """A time in which the clock went evenly: from `wall` on for `length`.

    `began` is the loop's time at its start. `fresh`: the sensor was started at its beginning.
    """

    began: int
    wall: int
    length: int
    running: bool
    fresh: bool

    @property
    def end(self) -> int:
        return self.wall + self.length


@dataclass
class Fired:
    """What came of a history: due times with when (wall) and how many were merged into each."""

    dues: list[int] = field(default_factory=list[int])
    times: list[int] = field(default_factory=list[int])
    missed: list[int] = field(default_factory=list[int])
    merged: int = 0
    perhaps: set[int] = field(default_factory=set[int])
    """Left out, and yet it may come: due within a look's time before the leap has ended, so
    that it may have come due after it; or still to come for a sensor that was started anew."""

    def fire(self, due: int, time: int, merged: int = 0) -> None:
        self.dues.append(due)
        self.times.append(time)
        self.missed.append(self.merged + merged)
        self.merged = 0

    def once(self) -> Fired:
        """The same without what fired before."""
        first = [self.dues.index(due) == n for n, due in enumerate(self.dues)]

        def kept(values: list[int]) -> list[int]:
            return [*compress(values, first)]

        return Fired(kept(self.dues), kept(self.times), kept(self.missed))


def of_fixed_dues(all_dues: Sequence[int], stretches: Sequence[Stretch], missed: str) -> Fired:
    """For `cron` and `at`: each due time above the highest the clock has shown, when it is
    reached; those that a stop or a leap has passed, by the policy."""
    fired, highest, left_out = Fired(), stretches[0].wall, list[int]()
    for stretch in stretches:
        if not stretch.running:
            continue
        if stretch.fresh:
            fired.perhaps.update(due for due in left_out if due > stretch.wall)
        passed = _between(all_dues, highest, stretch.wall)
        if passed and missed == "all":
            for due in passed:
                fired.fire(due, stretch.wall)
        elif passed and missed == "last":
            fired.fire(passed[-1], stretch.wall, len(passed) - 1)
        else:
            fired.merged += len(passed)
            left_out += passed
            if not stretch.fresh:
                fired.perhaps.update(due for due in passed if due > stretch.wall - LOOK)
        highest = max(highest, stretch.wall)
        for due in _between(all_dues, highest, stretch.end):
            fired.fire(due, due)
        highest = max(highest, stretch.end)
    return fired


def of_every(period: int, stretches: Sequence[Stretch], missed: str) -> Fired:
    """For `every`: a tick each `period` after the last one, anew when the clock is behind it."""
    ticking = _Every(period, missed, stretches[0].wall)
    for stretch in stretches:
        if stretch.running:
            ticking.live(stretch)
    return ticking.fired


class _Every:
    """`looked`: the loop's time from which on it looks every `LOOK`."""

    def __init__(self, period: int, missed: str, last: int) -> None:
        self.fired = Fired()
        self._period = period
        self._all = missed == "all"
        self._last: int = last
        self._looked: int = 0

    def live(self, stretch: Stretch) -> None:
        if stretch.fresh:
            self._last, self._looked = min(self._last, stretch.wall), stretch.began
        now, ahead = stretch.wall, stretch.began - stretch.wall
        while now <= stretch.end:
            self._catch_up(now, ahead)
            look = self._looked + ((now + ahead - self._looked) // LOOK + 1) * LOOK - ahead
            now = min(self._last + self._period, look)
            if now == look <= stretch.end and now < self._last:
                self._last, self._looked = now, now + ahead

    def _catch_up(self, now: int, ahead: int) -> None:
        count = (now - self._last) // self._period
        if count <= 0:
            return
        ticks = [self._last + n * self._period for n in range(1, count + 1)]
        for tick in ticks if self._all else ticks[-1:]:
            self.fired.fire(tick, now, 0 if self._all else count - 1)
        self._last, self._looked = ticks[-1], now + ahead


def _between(dues: Sequence[int], after: int, until: int) -> Sequence[int]:
    return dues[bisect_right(dues, after) : bisect_right(dues, until)]
