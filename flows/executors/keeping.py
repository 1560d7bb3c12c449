"""Which resources stay open when other flows are put into service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

from triphammer.flows.graph import FlowDef
from triphammer.flows.resource import Resource


@runtime_checkable
class Keeps(Protocol):
    """An executor that keeps resources open between attempts.

    `keep` is told which flows are in service: resources of others are closed once nobody uses
    them. It may be told at any time, on the service loop.
    """

    def keep(self, flows: Iterable[FlowDef]) -> None: ...


def resources_of(flows: Iterable[FlowDef]) -> frozenset[Resource[Any]]:
    """All that tasks of `flows` may be given."""
    return frozenset(
        one
        for flow in flows
        for node in flow.graph.every()
        for resource in node.spec.uses.values()
        for one in resource.all_used()
    )
