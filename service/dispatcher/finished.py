"""The events that runs themselves bring about: `run.finished` and `run.requested`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from triphammer.config.trace_context import TraceContext
from triphammer.flows.journal import RunChange
from triphammer.sensors.codec import new_event
from triphammer.sensors.event import Event
from triphammer.service.dispatcher.decide import LINEAGE, RUNS

FINISHED = "triphammer.run.finished"
REQUESTED = "triphammer.run.requested"
NOWHERE: Mapping[str, str] = {}


class RunAbout(msgspec.Struct, frozen=True):
    """What the end of a run says of its beginning, how often it was retried, and when
    it was made. `trace` is where its event came from; that is known once the event is `read`."""

    flow: str
    event: str
    params: Mapping[str, Any]
    lineage: tuple[str, ...]
    retried: int = 0
    created_at: int = 0
    trace: TraceContext | None = None
    read: bool = False

    def each_time(self, id: str) -> str:
        """An event's id that is made of the run's, another one each time it was retried."""
        return f"{id}/{self.retried + 1}" if self.retried else id


def finished_event(
    change: RunChange, about: RunAbout, now: int, trace: Mapping[str, str] = NOWHERE
) -> Event:
    """The event of a run's end; `change.state` is set. Its id is the run's: it comes once, and
    once more under another id each time an operator has had the run retried. `trace` are attributes
    that say which trace it belongs to."""
    data = {
        "run": change.run,
        "flow": change.flow,
        "state": change.state,
        "error": None if change.error is None else f"{change.error.type}: {change.error.message}",
        "event": about.event,
        "params": about.params,
        "failed_tasks": list(change.failed_tasks),
        "url": f"/runs/{change.run}",
    }
    return new_event(
        id=about.each_time(change.run),
        source=RUNS,
        type=FINISHED,
        subject=change.flow,
        data=data,
        now=now,
        extensions={LINEAGE: ",".join(about.lineage), **trace},
    )


def requested_event(
    flow: str,
    params: Mapping[str, Any],
    *,
    by: str,
    now: int,
    source: str,
    id: str,
    lineage: tuple[str, ...] = (),
    on: Event | None = None,
    trace: Mapping[str, str] = NOWHERE,
) -> Event:
    """The event of a run that somebody asked for; equal `(source, id)` ask only once.

    The run is to run on it, or on another event: `on`, whose key its data names then.
    """
    named = {} if on is None else {"event": on.key}
    return new_event(
        id=id,
        source=source,
        type=REQUESTED,
        subject=flow,
        data={"params": dict(params), "by": by, **named},
        now=now,
        extensions={**({LINEAGE: ",".join(lineage)} if lineage else {}), **trace},
    )
