"""The nodes of a run as they stand: how each has ended, and whom that concerns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from triphammer.flows.bodies import MARK
from triphammer.flows.engine.failures import Failures
from triphammer.flows.engine.maps import MapProgress, item_number
from triphammer.flows.engine.plan import Plan, PlannedNode
from triphammer.flows.engine.rules import Upstream, Verdict, judge
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.turns import Turns
from triphammer.flows.engine.values import Launch
from triphammer.flows.graph import Role
from triphammer.flows.outcomes import Ended

UNSUCCESSFUL = ("failed", "blocked", "cancelled")
"""How a node may have ended that keeps those behind it from running."""


class NodeState:
    """One node of a run. `settled` is "" until it is: succeeded, failed, skipped, blocked or
    cancelled.

    `begun` once its rule said run. `progress` is that of a map, `turns` those of a loop.
    """

    __slots__ = ("begun", "name", "part", "planned", "progress", "settled", "turns", "upstream")

    def __init__(self, planned: PlannedNode, part: Part) -> None:
        self.planned = planned
        self.part = part
        self.name = part.full(planned.name)
        self.upstream = Upstream(len(planned.node.upstream), setups=len(planned.undoes))
        self.settled = ""
        self.begun = False
        self.progress: MapProgress | None = None
        self.turns: Turns | None = None

    @property
    def role(self) -> Role:
        """What it is for: see `Node`."""
        return self.planned.node.role

    @property
    def at_most_once(self) -> bool:
        """Whether an attempt that was interrupted must not be begun again."""
        return self.planned.node.options.at_most_once

    @property
    def total(self) -> int | None:
        """How many items or turns its row tells of; None for a plain task."""
        if self.turns is not None:
            return self.turns.turn
        return None if self.progress is None else self.progress.total

    @property
    def open(self) -> list[str]:
        """The items or turns that have begun and have not ended."""
        if self.turns is not None:
            return [f"{self.name}[{self.turns.turn}]"]
        return [] if self.progress is None else [f"{self.name}[{i}]" for i in self.progress.open]

    def launch(self, item: int | None, attempt: int) -> Launch:
        """An attempt of the task, of an item or of the turn under way."""
        if self.turns is not None:
            return self.turns.launch(attempt)
        if self.progress is not None and item is not None:
            return self.progress.launch(item, attempt)
        return Launch(self.planned, self.name, attempt, scope=self.part.scope)

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

    A run is one part; each item of a mapped flow and each turn of a loop with a body is one
    more, for `item` of its `owner`. Each settling counts down the nodes behind, so that a run
    costs its edges, never a rescan.
    """

    __slots__ = (
        "failures",
        "item",
        "left",
        "level",
        "nodes",
        "owner",
        "plan",
        "prefix",
        "scope",
        "started_at",
    )

    def __init__(
        self,
        plan: Plan,
        scope: RunScope,
        owner: NodeState | None = None,
        item: int = 0,
        started_at: int = 0,
    ) -> None:
        self.plan = plan
        self.scope = scope
        self.owner = owner
        self.item = item
        self.started_at = started_at
        self.prefix = "" if owner is None else f"{owner.name}[{item}]/"
        self.level = "" if owner is None else owner.planned.name + MARK
        self.nodes = {name: NodeState(planned, self) for name, planned in plan.nodes.items()}
        self.left = len(self.nodes)
        self.failures = Failures()

    def full(self, name: str) -> str:
        """The name in this run of a node of the graph."""
        return self.prefix + name[len(self.level) :]

    def settle(self, state: NodeState, how: str, ended: Ended) -> Iterator[NodeState]:
        """Note how a node has ended; the nodes that may be judged anew."""
        planned = state.planned
        state.settled = how
        self.scope.ends[planned.name] = ended
        self.left -= 1
        if how == "failed" and ended.error is not None:
            self.failures.note(state.name.removeprefix(self.prefix), ended.error, ended.at)
        for name in planned.behind:
            after = self.nodes[name]
            after.upstream.count(how, setup=planned.name in after.planned.undoes)
            yield after
        for name in planned.guarded:
            yield self.nodes[name]

    @property
    def failed(self) -> bool:
        """Whether one of the nodes that decide it did not succeed."""
        return any(self.nodes[name].settled in UNSUCCESSFUL for name in self.plan.last)


class Parts:
    """All parts of a run that are under way, by the prefix of their tasks' names."""

    __slots__ = ("_open", "root")

    def __init__(self, root: Part) -> None:
        self.root = root
        self._open: dict[str, Part] = {"": root}

    def open(self, owner: NodeState, item: int, given: tuple[Any, ...], now: int) -> Part:
        """The part of one more item or turn of `owner`."""
        plan = owner.planned.body
        assert plan is not None
        scope = owner.part.scope.inner(plan, owner.planned.name, given)
        part = Part(plan, scope, owner, item, now)
        self._open[part.prefix] = part
        return part

    def close(self, part: Part) -> None:
        """All nodes of a part are settled."""
        del self._open[part.prefix]

    def find(self, task: str) -> tuple[NodeState, int | None]:
        """The node that a task belongs to, and which of its items or turns the task is.

        Raises KeyError for one whose part is not there any more.
        """
        prefix = task[: task.rfind("]/") + 2] if "]/" in task else ""
        part = self._open[prefix]
        name, item = item_number(task[len(prefix) :])
        return part.nodes[part.level + name], item

    def of(self, owner: NodeState) -> list[Part]:
        """The parts under way that belong to `owner`."""
        return [part for part in self._open.values() if part.owner is owner]

    def states(self) -> list[NodeState]:
        """All nodes of all parts, the innermost last."""
        return [state for part in self._open.values() for state in part.nodes.values()]


def goes_on(state: NodeState, parts: Parts, running: Mapping[str, Any]) -> bool:
    """Whether cancelling the run leaves a node alone: teardowns, setups under way, and what
    has such inside."""
    if state.role == "teardown" or (state.role == "setup" and state.name in running):
        return True
    return any(
        not inner.settled and goes_on(inner, parts, running)
        for part in parts.of(state)
        for inner in part.nodes.values()
    )


def without_handlers(cut: Sequence[NodeState], parts: Parts) -> list[NodeState]:
    """What the end of a run's time cuts off: its own handlers are to tell of it. If they are all
    that is left, those that have begun took the time."""
    handlers = [s for s in cut if s.role == "handler" and s.part is parts.root]
    others = [state for state in cut if state not in handlers]
    return others or [state for state in handlers if state.begun]
