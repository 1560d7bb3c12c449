"""Which parts of its event a flow cannot do without."""

from __future__ import annotations

from collections.abc import Iterator

from triphammer.flows.expr import expressions
from triphammer.flows.graph import FlowDef
from triphammer.flows.paths import Field, Get, Step
from triphammer.flows.references import EventRef, steps_of

KEYED = ("data", "headers", "extensions")
"""The fields of an event whose keys depend on who sent it."""
REQUEST = ("params", "by")
"""The keys of `data` in the event of a start by hand."""


def event_reads(flow: FlowDef) -> tuple[str, ...]:
    """What the graph of `flow` takes from its event that a start by hand may not give, in order:
    such as `data.prices`; `data`, or `event` itself, where a task is given the whole of it.

    What has a default (`.get`) and what every event has (its time, its type) is not told.
    """
    found = (
        read
        for template in flow.graph.templates()
        for one in expressions(template)
        if isinstance(one, EventRef)
        for read in _read(steps_of(one))
    )
    return tuple(dict.fromkeys(found))


def _read(steps: tuple[Step, ...]) -> Iterator[str]:
    if not steps:
        yield "event"
        return
    first, *rest = steps
    if not isinstance(first, Field) or first.name not in KEYED:
        return
    if not rest:
        yield first.name
        return
    if isinstance(rest[0], Get):
        return
    key = rest[0].name if isinstance(rest[0], Field) else rest[0].key
    if first.name == "data" and key in REQUEST:
        return
    yield f"{first.name}.{key}" if isinstance(key, str) else f"{first.name}[{key!r}]"
