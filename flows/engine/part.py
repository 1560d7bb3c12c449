"""The nodes of a run as they stand: how each has ended, and whom that concerns."""

from __future__ import annotations

from collections.abc import Iterator

from triphammer.flows.engine.maps import MapProgress
from triphammer.flows.engine.plan import Plan, PlannedNode
from triphammer.flows.engine.rules import Upstream, Verdict, judge
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.graph import Role
from triphammer.flows.outcomes import Ended

UNSUCCESSFUL = ("failed", "blocked", "cancelled")
"""How a node may have ended that keeps those behind it from running."""


class NodeState:
    """One node of a run. `settled` is "" until it is: succeeded, failed, skipped, blocked or
    cancelled.

    `begun` once its rule said run. `progress` is that of a map.
    """

    __slots__ = ("begun", "name", "part", "planned", "progress", "settled", "upstream")

    def __init__(self, planned: PlannedNode, part: Part) -> None:
        self.planned = planned
        self.part = part
        self.name = planned.name
        node = planned.node
        setups = sum(part.plan.nodes[up].node.role == "setup" for up in node.upstream)
        self.upstream = Upstream(len(node.upstream), setups=setups)
        self.settled = ""
        self.begun = False
        self.progress: MapProgress | None = None

    @property
    def role(self) -> Role:
        """What it is for: see `Node`."""
        return self.planned.node.role

    @property
    def at_most_once(self) -> bool:
        """Whether an attempt that was interrupted must not be begun again."""
        return self.planned.node.options.at_most_once

    def verdict(self) -> Verdict:
        """Whether it runs now: its setups have succeeded, and its rule says so."""
        node = self.planned.node
        if node.setups:
            made = [self.part.nodes[setup].settled for setup in node.setups]
            if any(how in UNSUCCESSFUL for how in made):
                return "block"
            if "" in made:
                return "wait"
            if "skipped" in made:
                return "skip"
        return judge(node.options.trigger_rule, self.upstream)

    def why_blocked(self) -> str:
        """The upstreams that keep it from running."""
        nodes = self.part.nodes
        above = self.planned.node.above
        bad = [nodes[up].name for up in above if nodes[up].settled in UNSUCCESSFUL]
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

    def settle(self, state: NodeState, how: str, ended: Ended) -> Iterator[NodeState]:
        """Note how a node has ended; the nodes that may be judged anew."""
        planned = state.planned
        state.settled = how
        self.scope.ends[planned.name] = ended
        self.left -= 1
        for name in planned.behind:
            after = self.nodes[name]
            after.upstream.count(how, setup=planned.node.role == "setup")
            yield after
        for name in planned.guarded:
            yield self.nodes[name]

    @property
    def failed(self) -> bool:
        """Whether one of the nodes that decide it did not succeed."""
        return any(self.nodes[name].settled in UNSUCCESSFUL for name in self.plan.last)
