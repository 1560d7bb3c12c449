"""One tick of a flow's timer as an event: the same whether it comes live or is filled in."""

from __future__ import annotations

from triphammer.sensors.codec import new_event
from triphammer.sensors.event import Event
from triphammer.sensors.timers.source import TYPE, event_source
from triphammer.sensors.times import rfc3339, utc

AGAIN = "#"
"""Between a tick's id and what tells a later event of the same tick from the first."""


def tick_id(flow: str, due: int) -> str:
    """The id of the tick of `flow` that is due at `due`, in microseconds UTC."""
    return f"{flow}@{rfc3339(utc(due))}"


def tick_event(
    flow: str,
    due: int,
    *,
    start: int,
    now: int,
    missed: int = 0,
    backfill: bool = False,
    again: str | None = None,
) -> Event:
    """The tick's event. `start` is where its interval begins; `again` tells a later event of
    the same tick from the first."""
    occurred = utc(due)
    id = tick_id(flow, due)
    return new_event(
        id=id if again is None else f"{id}{AGAIN}{again}",
        source=event_source(flow),
        type=TYPE,
        subject=flow,
        time=occurred,
        data={
            "due": rfc3339(occurred),
            "start": rfc3339(utc(start)),
            "end": rfc3339(occurred),
            "missed": missed,
            "backfill": backfill,
        },
        now=now,
    )
