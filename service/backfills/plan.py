"""Which ticks a backfill has, and what is to happen to each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from triphammer.sensors.errors import Rejected
from triphammer.sensors.timers.past import PastTick, past_ticks
from triphammer.sensors.timers.schedule import Schedule
from triphammer.sensors.timers.tick import tick_id
from triphammer.service.store.backfills import Asked, Tick, TickRun

MOST = 10_000
"""Ticks of one backfill."""
CAME = ""
"""`redo` of a tick that came, and of which no run is kept."""
OPEN = ("queued", "running", "waiting")

Timers = Sequence[tuple[Schedule, int | None]]
"""The schedules of a flow, each with a tick of it that has fired, if any."""


def all_ticks(asked: Asked, timers: Timers) -> Iterator[PastTick]:
    """The ticks of each of `timers`, timer by timer; of none of them more than `MOST` and one."""
    for schedule, last in timers:
        yield from islice(past_ticks(schedule, asked.begin, asked.end, last), MOST + 1)


def in_order(asked: Asked, found: Mapping[int, PastTick]) -> list[PastTick]:
    """The ticks by due time. Raises `Rejected` 422 for none, and for more than `MOST`."""
    if len(found) > MOST:
        raise Rejected(
            422,
            f"{asked.flow} has more than {MOST} ticks in that time, which is the most of one "
            "backfill: take it in parts",
        )
    if not found:
        raise Rejected(422, f"no tick of {asked.flow} falls into that time")
    return [found[due] for due in sorted(found)]


def planned(asked: Asked, ticks: Sequence[PastTick], runs: Mapping[str, TickRun]) -> list[Tick]:
    """Each tick as pending or skipped, given what became of those that came."""
    return [_planned(asked, tick, runs.get(tick_id(asked.flow, tick.due))) for tick in ticks]


def _planned(asked: Asked, tick: PastTick, came: TickRun | None) -> Tick:
    reason = _why_skipped(asked, came)
    return Tick(
        due=tick.due,
        start=tick.start,
        state="pending" if reason is None else "skipped",
        redo=None if came is None else came.run or CAME,
        detail=reason or _why_again(came),
    )


def _why_skipped(asked: Asked, came: TickRun | None) -> str | None:
    if came is None:
        return "it never came" if asked.only == "failed" else None
    if came.state in OPEN:
        return f"{came.run} is {came.state}"
    if asked.again:
        return None
    if came.run is None:
        return "it came before, and no run of it is kept"
    if came.state == "succeeded" or asked.only == "missing":
        return f"{came.run} {_ended(came)}"
    return None


def _why_again(came: TickRun | None) -> str | None:
    if came is None:
        return None
    return "it came before" if came.run is None else f"{came.run} {_ended(came)}"


def _ended(came: TickRun) -> str:
    return f"was {came.state}" if came.state in ("cancelled", "superseded") else f"{came.state}"
