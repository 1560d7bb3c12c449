"""The catalog: the immutable set of subscriptions now live, and its stored form."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from triphammer.config.patterns import Compiled, compile_pattern
from triphammer.config.source import Predicate, Source
from triphammer.flows.awaited import checked
from triphammer.flows.graph import FlowDef
from triphammer.sensors.event import Event
from triphammer.service.dispatcher.index import CandidateIndex


class Entry(msgspec.Struct, frozen=True):
    """One source of one flow's subscription: what it implies, and what the user added."""

    flow: str
    implied: Compiled
    added: Compiled | None
    predicate: Predicate | None


class Catalog:
    """The subscriptions of a set of flows: one a flow, each with one entry a source.

    An event belongs to a subscription when any of its entries holds. `id` is the hash of
    `body`, the JSON that is stored so that `filtered` can be recomputed later.
    """

    def __init__(self, flows: Mapping[str, FlowDef]) -> None:
        self.flows = flows
        self._entries = [_entry(flow, source) for flow in flows.values() for source in flow.on]
        self._index = CandidateIndex(
            [(e.implied, e.added) if e.added else (e.implied,) for e in self._entries]
        )
        self._heard: dict[str, bool] = {}
        self._awaited = [pattern for flow in flows.values() for pattern in _awaited(flow)]
        self.body = msgspec.json.encode(_stored(flows.values()), order="deterministic")
        self.id = "cat_" + hashlib.sha256(self.body).hexdigest()[:32]

    def candidates(self, event: Event) -> Sequence[Entry]:
        """The entries that `event` may belong to, found without looking at all of them."""
        entries = self._entries
        return [entries[i] for i in self._index.candidates(event)]

    def awaits(self, type: str) -> bool:
        """Whether a run of a flow may wait for an event of `type`."""
        return any(_may_match(pattern, type) for pattern in self._awaited)

    def hears(self, type: str) -> bool:
        """Whether any entry may match an event of `type`; False says that none does."""
        if type not in self._heard:
            entries = any(_may_match(entry.implied, type) for entry in self._entries)
            self._heard[type] = entries or self.awaits(type)
        return self._heard[type]


def _may_match(pattern: Compiled, type: str) -> bool:
    """Whether the pattern's clauses about the type leave `type` open."""
    asked = [clause for clause in pattern.clauses if clause.path == ("type",)]
    return all(type in c.exact or any(map(type.startswith, c.prefixes)) for c in asked)


def _awaited(flow: FlowDef) -> Iterator[Compiled]:
    """The patterns of a flow's waits."""
    for node in flow.graph.every():
        if node.spec.kind == "wait_for":
            yield checked(node.kwargs["pattern"])


def _entry(flow: FlowDef, source: Source) -> Entry:
    return Entry(
        flow=flow.name,
        implied=compile_pattern(source.matching(flow.name)),
        added=compile_pattern(source.pattern) if source.pattern is not None else None,
        predicate=source.predicate,
    )


def _stored(flows: Iterable[FlowDef]) -> dict[str, Any]:
    return {f.name: {"version": f.version, "on": [_source(f, s) for s in f.on]} for f in flows}


def _source(flow: FlowDef, source: Source) -> dict[str, Any]:
    return {
        "match": source.matching(flow.name),
        "where": source.pattern,
        "predicate": _predicate_text(source.predicate),
    }


def _predicate_text(predicate: Predicate | None) -> str | None:
    if predicate is None:
        return None
    try:
        return inspect.getsource(predicate).strip()
    except (OSError, TypeError):  # built in code without a source file
        return repr(predicate)
