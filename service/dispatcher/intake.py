"""What has come in of late: events by sensor and by source, in memory only."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from itertools import takewhile

import msgspec

from triphammer.sensors.event import Event

STEP = 5_000_000
"""Microseconds whose events are counted together."""
STEPS = 60
SOURCES = 100
"""Sources of a step that are counted by name: whoever may post events chooses their source."""
LAST = 5
"""Events of each sensor that are remembered."""
OTHERS = ""


class Rates(msgspec.Struct, frozen=True):
    """Events of the last `seconds`: in all by step, the oldest first, and by source, the busiest
    first; what came from more sources than are told apart stands under ""."""

    seconds: int
    steps: tuple[int, ...]
    by_source: Mapping[str, int]


class Taken(msgspec.Struct, frozen=True):
    """An event that a sensor has brought."""

    key: str
    type: str
    subject: str | None
    at: int


class Intake:
    """Counts events as they are stored. `totals` are those of each sensor, duplicates as well."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self._last: dict[str, deque[Taken]] = {}
        # The present one, too, which is not over.
        self._steps: deque[tuple[int, Counter[str]]] = deque(maxlen=STEPS + 1)

    def note(self, sensor: str, brought: int, new: Sequence[Event], now: int) -> None:
        """A sensor has brought so many events, of which some are new."""
        self.totals[sensor] += brought
        if not new:
            return
        last = self._last.setdefault(sensor, deque(maxlen=LAST))
        last.extend(Taken(e.key, e.type, e.subject, now) for e in new[-LAST:])

    def stored(self, new: Sequence[Event], now: int) -> None:
        """New events were stored, whoever brought them: sensors, people, backfills or runs."""
        if not new:
            return
        counts = self._counts(now // STEP)
        for source, count in Counter(event.source for event in new).items():
            is_told_apart = source in counts or len(counts) < SOURCES
            counts[source if is_told_apart else OTHERS] += count

    def _counts(self, step: int) -> Counter[str]:
        """Those of a step. A clock that was set back counts in the newest step there is."""
        if not self._steps or self._steps[-1][0] < step:
            self._steps.append((step, Counter()))
        return self._steps[-1][1]

    def last(self, sensor: str) -> Sequence[Taken]:
        """What a sensor has brought last since the start, the newest first."""
        return tuple(reversed(self._last.get(sensor, ())))

    def rates(self, now: int) -> Rates:
        """What has come of late, until the end of the step before the present one."""
        end = now // STEP
        recent = takewhile(lambda item: item[0] >= end - STEPS, reversed(self._steps))
        counts = {step: counts for step, counts in recent if step < end}
        steps = tuple(counts.get(n, Counter[str]()).total() for n in range(end - STEPS, end))
        by_source = sum(counts.values(), Counter[str]())
        seconds = STEPS * STEP // 1_000_000
        return Rates(seconds, steps, dict(by_source.most_common()))
