"""The trace that an event belongs to, as its sender says it.

Source: CloudEvents 1.0.2, "Distributed Tracing extension"; W3C Trace Context for the headers.
"""

from __future__ import annotations

import msgspec

from triphammer.config.trace_context import (
    TRACEPARENT,
    TRACESTATE,
    TraceContext,
    trace_context,
)
from triphammer.sensors.event import Event
from triphammer.sensors.headers import Headers


def origin(event: Event) -> TraceContext | None:
    """Where in a trace the event was made, if it says so.

    What stands in the event itself comes before the headers that it came with: of several
    events in one request each has its own.
    """
    own = event.extensions.get(TRACEPARENT)
    found = None if own is None else trace_context(own, event.extensions.get(TRACESTATE))
    return found or in_headers(event.headers)


def within(event: Event, headers: Headers) -> Event:
    """The event with the trace of the request that brought it, unless it has one itself."""
    found = None if TRACEPARENT in event.extensions else in_headers(headers)
    if found is None:
        return event
    return msgspec.structs.replace(event, extensions={**event.extensions, **found.headers})


def in_headers(headers: Headers) -> TraceContext | None:
    """Where in a trace a request was made, if it says so."""
    parent = headers.get(TRACEPARENT)
    return None if parent is None else trace_context(parent, headers.get(TRACESTATE))
