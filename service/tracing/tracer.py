"""The spans of what has happened: event, dispatch, run, task, delivery.

The ids of spans are made of what they are about - an event's key, a run's id - so that nothing
of a trace needs storing: after a restart the run ends under the span that its tasks name. A
trace that comes in is stored with its event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from triphammer.config.trace_context import TraceContext, span_id, trace_context, trace_id
from triphammer.flows.journal import ErrorInfo, OutMessage, RunChange, TaskRow
from triphammer.sensors.contract import Accepted
from triphammer.sensors.event import Event
from triphammer.sensors.headers import Headers
from triphammer.sensors.tracing import origin
from triphammer.service.dispatcher.finished import RunAbout
from triphammer.service.store.contract import ENDED, Decided, OutboxRow
from triphammer.service.store.deliveries import OutboxResult
from triphammer.service.tracing.spans import Export, Kind, Span, Value

KINDS: Mapping[str, Kind] = {
    "webhook": "server", "events": "server", "request": "server", "kafka": "consumer",
}  # fmt: skip
"""Kinds of spans by kinds of sources; what is not here comes from inside."""
ITEM = re.compile(r"\[\d+\]")


class Tracer:
    """An `Observer` that makes spans, and the `Carrier` that tells others where they are.

    `sample` is the share of the traces that begin here and are recorded; it is decided by the
    trace's id, so that a restart decides alike. `now` is the clock (microseconds UTC).
    """

    def __init__(self, export: Export, *, sample: float, now: Callable[[], int]) -> None:
        self._export = export
        self._below = round(sample * (1 << 64))
        self._now = now

    # --- where things are -------------------------------------------------------------------

    def _at(self, event: str, given: TraceContext | None) -> TraceContext:
        """The place above an event: the sender's, or the beginning of a trace."""
        if given is not None:
            return given
        trace = trace_id("event", event)
        return TraceContext(trace, "", int(trace[16:], 16) < self._below)

    def of_run(self, run: str, about: RunAbout) -> TraceContext | None:
        """See `Carrier`."""
        if not about.read:
            return None
        return self._at(about.event, about.trace).below(_run_span(run, about))

    def of_task(self, run: str, about: RunAbout, task: str, attempt: int) -> TraceContext | None:
        """See `Carrier`."""
        if not about.read:
            return None
        return self._at(about.event, about.trace).below(_task_span(run, task, attempt))

    def outgoing(self, message: OutMessage, began: int) -> OutMessage:
        """See `Carrier`: the span of the delivery is above what the receiver does."""
        above = _above(message)
        if above is None:
            return message
        place = above.below(_delivery_span(message, began))
        others = {n: v for n, v in message.headers.items() if n.lower() not in place.headers}
        return msgspec.structs.replace(message, headers={**others, **place.headers})

    # --- what has happened ------------------------------------------------------------------

    def taken(
        self, kind: str, decided: Sequence[Decided], accepted: Sequence[Accepted], began: int
    ) -> None:
        """See `Observer`."""
        now = self._now()
        for item, one in zip(decided, accepted, strict=True):
            above = self._at(item.event.key, origin(item.event))
            if one.duplicate or not above.sampled:
                continue
            event = span_id("event", item.event.key)
            self._tell(above, event, "event", _of_event(item.event, kind), _received(item), now,
                       kind=KINDS.get(kind, "internal"), remote=kind in KINDS)  # fmt: skip
            outcomes = [d.outcome for d in item.dispositions]
            attributes: dict[str, Value] = {
                "triphammer.runs": outcomes.count("ran"),
                "triphammer.flows": ",".join(d.flow for d in item.dispositions),
            }
            dispatch = span_id("dispatch", item.event.key)
            self._tell(above.below(event), dispatch, "dispatch", attributes, began, now)

    def turned_away(self, kind: str, outcome: str, count: int = 1) -> None:
        """See `Observer`: there is nothing to trace."""

    def changed(self, change: RunChange, about: RunAbout | None, started_at: int | None) -> None:
        """See `Observer`."""
        if about is None or not about.read:
            return
        above = self._at(about.event, about.trace)
        if not above.sampled:
            return
        run = above.below(_run_span(change.run, about))
        for name, attempt, began, ended, error in change.failed_attempts:
            self._tell_task(run, change, (name, attempt), (began, ended), error)
        for row in filter(_has_run, change.tasks):
            times = (row.started_at or 0, row.finished_at or 0)
            self._tell_task(run, change, (row.name, row.attempt), times, row.error)
        if change.state in ENDED and started_at is not None and change.finished_at is not None:
            dispatch = above.below(span_id("dispatch", about.event))
            attributes = {**_of_run(change), "triphammer.state": change.state}
            self._tell(dispatch, run.span, f"run {change.flow}", attributes, started_at,
                       change.finished_at, error=change.error)  # fmt: skip

    def attempted(self, row: OutboxRow, result: OutboxResult, began: int) -> None:
        """See `Observer`."""
        message = row.message
        above = _above(message)
        if above is None or not above.sampled or not began:
            return
        attributes: dict[str, Value] = {
            "triphammer.message": message.id,
            "triphammer.run": row.run,
            "triphammer.flow": row.flow,
            "triphammer.attempt": result.attempts,
            **_of_target(message),
        }
        error = None if result.error is None else ErrorInfo("Undelivered", result.error)
        kind: Kind = "producer" if message.kind == "kafka" else "client"
        id = _delivery_span(message, began)
        self._tell(above, id, f"deliver {message.kind}", attributes, began, result.at,
                   kind=kind, error=error)  # fmt: skip

    def _tell_task(
        self,
        run: TraceContext,
        change: RunChange,
        which: tuple[str, int],
        times: tuple[int, int],
        error: ErrorInfo | None,
    ) -> None:
        name, attempt = which
        attributes: dict[str, Value] = {
            **_of_run(change), "triphammer.task": name, "triphammer.attempt": attempt,
        }  # fmt: skip
        # Names of spans are few: which item it was is an attribute.
        title = f"task {ITEM.sub('', name)}"
        self._tell(run, _task_span(change.run, name, attempt), title, attributes, *times,
                   error=error)  # fmt: skip

    def _tell(
        self,
        above: TraceContext,
        id: str,
        name: str,
        attributes: Mapping[str, Value],
        start: int,
        end: int,
        *,
        kind: Kind = "internal",
        error: ErrorInfo | None = None,
        remote: bool = False,
    ) -> None:
        span = Span(
            name=name,
            kind=kind,
            trace=above.trace,
            id=id,
            parent=above.span,
            start=min(start, end),
            end=end,
            attributes=attributes,
            error=None if error is None else f"{error.type}: {error.message}",
            remote=remote,
            state=above.state,
        )
        self._export(span)


def _has_run(row: TaskRow) -> bool:
    """Whether a row tells of an attempt: failed ones are told as history."""
    ran = row.state in ("succeeded", "cancelled") and row.items is None and row.cached_from is None
    return ran and row.started_at is not None and row.finished_at is not None


def _run_span(run: str, about: RunAbout) -> str:
    return span_id("run", run, str(about.retried))


def _task_span(run: str, task: str, attempt: int) -> str:
    return span_id("task", run, task, str(attempt))


def _delivery_span(message: OutMessage, began: int) -> str:
    return span_id("delivery", message.id, str(began))


def _above(message: OutMessage) -> TraceContext | None:
    """The place that a message was stored with."""
    headers = Headers(message.headers)
    return trace_context(headers.get("traceparent"), headers.get("tracestate"))


def _received(item: Decided) -> int:
    return round(item.event.received_at.timestamp() * 1e6)


def _of_event(event: Event, kind: str) -> Mapping[str, Value]:
    """What is told of an event: nothing of its payload."""
    return {
        "triphammer.event": event.key,
        "triphammer.source.kind": kind,
        "cloudevents.event_id": event.id,
        "cloudevents.event_source": event.source,
        "cloudevents.event_type": event.type,
    }


def _of_run(change: RunChange) -> Mapping[str, Value]:
    return {"triphammer.flow": change.flow, "triphammer.run": change.run}


def _of_target(message: OutMessage) -> Mapping[str, Value]:
    """Where a message goes to: the rest of a URL may be a secret."""
    if message.kind == "kafka":
        return {"messaging.system": "kafka", "messaging.destination.name": message.target}
    if "://" not in message.target:
        return {"server.address": "a secret"}
    try:
        host = urlsplit(message.target).hostname
    except ValueError:  # `http://[`: flows may give what is no URL
        host = None
    return {"server.address": host or "no URL"}
