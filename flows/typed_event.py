"""`event: Event[Order]`: the data of an event decoded once, before its run begins."""

from __future__ import annotations

from typing import Any

import msgspec

from triphammer.flows.codec import convert
from triphammer.flows.graph import FlowDef

REQUESTED = "triphammer.run.requested"
"""The type of a manual run's event: its data is the request, never an `Order`."""


def check_event(flow: FlowDef, event: Any) -> None:
    """Raise `ValueMisfit` when the event's data does not fit the flow's `Event[...]`."""
    _data(flow, event)


def typed_event(flow: FlowDef, event: Any) -> Any:
    """The event with its data as the flow's `Event[...]` says. Raises `ValueMisfit`."""
    data = _data(flow, event)
    return event if data is event.data else msgspec.structs.replace(event, data=data)


def _data(flow: FlowDef, event: Any) -> Any:
    if flow.event_type is None or event.type == REQUESTED:
        return event.data
    return convert(event.data, flow.event_type, name=f"event.data of {flow.name}")
