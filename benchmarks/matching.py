"""Matching: what 10,000 subscriptions cost against 10, by kind of clause."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from benchmarks.figures import Figure
from triphammer import events, flow
from triphammer.flows.definition import definition_of
from triphammer.sensors.codec import new_event
from triphammer.sensors.event import Event
from triphammer.service.dispatcher.catalog import Catalog
from triphammer.service.dispatcher.decide import decide

COUNT = 20_000
Where = Callable[[int], Any]
PATTERNS: dict[str, tuple[Where, Where]] = {
    "exact": (lambda n: [f"c{n}"], lambda n: f"c{n}"),
    "prefix": (lambda n: [{"prefix": f"c{n}-"}], lambda n: f"c{n}-17"),
    "number": (lambda n: [{"numeric": [">=", n, "<", n + 1]}], lambda n: n + 0.5),
}
"""By kind: the pattern of the n-th subscription, and a value that only it matches."""


def matching() -> list[Figure]:
    """Decisions a second with 10,000 subscriptions of one type; the limit is the rate at 10."""
    return [
        Figure(f"events matched, 10,000 by {kind}", _rate(10_000, kind), _rate(10, kind), "/s", AT)
        for kind in PATTERNS
    ]


AT = "the rate at 10"


def _rate(subscriptions: int, kind: str) -> float:
    catalog = _catalog(subscriptions, kind)
    _, value = PATTERNS[kind]
    occurred = [_event(value(n % subscriptions)) for n in range(COUNT)]
    decide(occurred[0], catalog, 0)
    began = time.perf_counter()
    for event in occurred:
        if len(decide(event, catalog, 0).runs) != 1:
            raise RuntimeError(f"an event did not match its one subscription by {kind}")
    return COUNT / (time.perf_counter() - began)


def _catalog(subscriptions: int, kind: str) -> Catalog:
    where, _ = PATTERNS[kind]
    source = events(type="order")

    @flow(on=source)
    def listens(event: Event) -> None:
        """Has nothing to do: only its subscription counts."""

    one = definition_of(listens)
    return Catalog(
        {
            f"flow{n}": msgspec.structs.replace(
                one, name=f"flow{n}", on=(source.where({"data": {"customer": where(n)}}),)
            )
            for n in range(subscriptions)
        }
    )


def _event(customer: Any) -> Event:
    data = {"customer": customer}
    return new_event(id="1", source="shop", type="order", data=data, now=0)
