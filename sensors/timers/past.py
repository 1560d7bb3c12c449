"""The ticks that a schedule had, or would have had, in a stretch of the past: pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

from triphammer.sensors.timers.schedule import Every, Schedule


class PastTick(NamedTuple):
    """A tick and where its interval begins, in microseconds UTC."""

    due: int
    start: int


def past_ticks(schedule: Schedule, begin: int, end: int, last: int | None) -> Iterator[PastTick]:
    """The ticks from `begin` to `end`, both included, in order.

    `last` is a tick that has fired, which `every` counts from, back as well as on; without
    one it counts from `begin`. Each tick's interval begins at the tick before it.
    """
    before: int | None = None
    after = _before(schedule, begin, last)
    for due in takewhile(lambda due: due <= end, schedule.ticks_after(after)):
        if before is None:
            before = schedule.previous(due)
        yield PastTick(due, due if before is None else before)
        before = due


def _before(schedule: Schedule, begin: int, last: int | None) -> int:
    """The latest moment before `begin` that the schedule's ticks can be counted from."""
    if not isinstance(schedule, Every):
        return begin - 1
    anchor = begin if last is None else last
    return anchor + (begin - 1 - anchor) // schedule.period * schedule.period
