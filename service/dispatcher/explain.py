"""Why an event did not start a flow: recomputed from the stored catalog it was decided by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from triphammer.config.patterns import compile_pattern
from triphammer.sensors.event import Event


def filtered(catalog: bytes, event: Event) -> Iterator[tuple[str, str]]:
    """The subscriptions of a stored catalog whose patterns do not hold, each with a reason.

    Only outcomes that patterns decide: those of predicates are stored as rows.
    """
    subscriptions: Mapping[str, Any] = msgspec.json.decode(catalog)
    for flow, subscription in subscriptions.items():
        reasons = [_why(source, event) for source in subscription["on"]]
        if all(reason is not None for reason in reasons):
            yield flow, "; or ".join(str(r) for r in reasons) or "it listens to nothing"


def _why(source: Mapping[str, Any], event: Event) -> str | None:
    implied = compile_pattern(source["match"]).why(event)
    if implied is not None or source["where"] is None:
        return implied
    return compile_pattern(source["where"]).why(event)
