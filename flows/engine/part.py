"""The nodes of a run as they stand: how each has ended, and whom that concerns."""

from __future__ import annotations

from collections.abc import Iterator

from triphammer.flows.engine.maps import MapProgress
from triphammer.flows.engine.plan import Plan, PlannedNode
from triphammer.flows.engine.rules import Upstream
from triphammer.flows.engine.run_scope import RunScope


class NodeState:
    """One node of a run. `settled` is "" until it is: succeeded, failed, skipped or blocked.

    `begun` once its rule said run. `progress` is that of a map.
    """

    __slots__ = ("begun", "name", "part", "planned", "progress", "settled", "upstream")

    def __init__(self, planned: PlannedNode, part: Part) -> None:
        self.planned = planned
        self.part = part
        self.name = planned.name
        self.upstream = Upstream(len(planned.node.upstream))
        self.settled = ""
        self.begun = False
        self.progress: MapProgress | None = None

    @property
    def at_most_once(self) -> bool:
        """Whether an attempt that was interrupted must not be begun again."""
        return self.planned.node.options.at_most_once

    def why_blocked(self) -> str:
        """The upstreams that keep it from running."""
        nodes = self.part.nodes
        above = self.planned.node.upstream
        bad = [nodes[up].name for up in above if nodes[up].settled in ("failed", "blocked")]
        return f"{', '.join(bad)} did not succeed"


class Part:
    """The nodes of one graph under way, with the scope of their values. `left` are unsettled.

    Each settling counts down the nodes behind, so that a run costs its edges, never a rescan.
    """

    __slots__ = ("left", "nodes", "plan", "scope")

    def __init__(self, plan: Plan, scope: RunScope) -> None:
        self.plan = plan
        self.scope = scope
        self.nodes = {name: NodeState(planned, self) for name, planned in plan.nodes.items()}
        self.left = len(self.nodes)

    def settle(self, state: NodeState, how: str) -> Iterator[NodeState]:
        """Note how a node has ended; the nodes that may be judged anew."""
        state.settled = how
        self.left -= 1
        for name in state.planned.behind:
            after = self.nodes[name]
            after.upstream.count(how)
            yield after

    @property
    def failed(self) -> bool:
        """Whether one of the last nodes (those that nothing waits for) did not succeed."""
        last = (state.settled for state in self.nodes.values() if not state.planned.behind)
        return any(how in ("failed", "blocked") for how in last)
