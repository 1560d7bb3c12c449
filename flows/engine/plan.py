"""What all runs of one flow version share, worked out once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from triphammer.flows.expr import Expr
from triphammer.flows.graph import IN_ENV, FlowDef, Graph, Node
from triphammer.flows.outcomes import Ended


class PlannedNode:
    """A node with what is asked of it again and again.

    `behind` are the nodes that wait for it, `guarded` those that it is a setup of.
    `positional` are the names of its function's
    positional parameters, `rest` of its `*args`. `returned` is the annotation of its result (a
    map: of each item's). `body` is the plan of what is inside it.
    """

    __slots__ = (
        "behind",
        "body",
        "executor",
        "guarded",
        "hints",
        "name",
        "node",
        "positional",
        "rest",
        "returned",
        "undoes",
    )

    def __init__(
        self, flow: FlowDef, graph: Graph, node: Node, behind: Sequence[str], guarded: Sequence[str]
    ) -> None:
        self.node = node
        self.name = node.name
        self.behind = behind
        self.guarded = guarded
        setups = (up for up in node.upstream if graph.nodes[up].role == "setup")
        self.undoes = frozenset(setups if node.undoes is None else node.undoes)
        self.executor = executor_of(node)
        self.hints = node.spec.hints
        self.body: Plan | None = None if node.body is None else Plan(flow, node.body)
        own: Any = self.hints.get("return", Any)
        self.returned: Any = own if self.body is None else self.body.returned
        self.positional, self.rest = _positional(node.spec.fn)


class Plan:
    """The nodes of a flow, or of the body of one of its nodes, in topological order.

    `every` are these and those inside of them. `last` are those that decide how it ends: nothing
    waits for them but teardowns and handlers. `whole` names the node whose result as it is
    stored is the result, where the body returns just that; `returned` is its annotation.
    """

    __slots__ = ("every", "flow", "last", "nodes", "result", "returned", "whole")

    def __init__(self, flow: FlowDef, graph: Graph | None = None) -> None:
        graph = flow.graph if graph is None else graph
        behind = _followers(graph, lambda node: node.upstream)
        guarded = _followers(graph, lambda node: node.setups)
        self.flow = flow
        self.result = graph.result
        self.nodes = {
            name: PlannedNode(flow, graph, node, behind[name], guarded[name])
            for name, node in graph.nodes.items()
        }
        self.every: dict[str, PlannedNode] = dict(self.nodes)
        for planned in self.nodes.values():
            if planned.body is not None:
                self.every.update(planned.body.every)
        followed = {up for node in graph.nodes.values() if node.decides for up in node.above}
        self.last = [n for n, v in graph.nodes.items() if v.decides and n not in followed]
        self.whole = _whole(graph)
        self.returned: Any = Any if self.whole is None else self.nodes[self.whole].returned


PLANS = 512
"""So many flow versions are kept worked out."""


class Plans:
    """The plans of flows, each worked out once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Plan] = {}

    def of(self, flow: FlowDef) -> Plan:
        """The plan of just this flow."""
        key = (flow.name, flow.version)
        plan = self._known.get(key)
        if plan is None or plan.flow is not flow:
            if len(self._known) >= PLANS:
                del self._known[next(iter(self._known))]
            plan = self._known[key] = Plan(flow)
        return plan


def _followers(graph: Graph, above: Callable[[Node], Sequence[str]]) -> Mapping[str, Sequence[str]]:
    followers: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for name, node in graph.nodes.items():
        for up in above(node):
            followers[up].append(name)
    return {name: tuple(names) for name, names in followers.items()}


def executor_of(node: Node) -> str:
    """The executor of a node: as asked for, else by the kind of the function.

    What only writes into the outbox is quick and runs on the flow loop.
    """
    if node.options.env is not None:
        return IN_ENV
    if node.options.executor is not None:
        return node.options.executor
    return "async" if node.spec.is_async or node.spec.kind != "task" else "thread"


def _positional(fn: Callable[..., Any]) -> tuple[tuple[str, ...], str | None]:
    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError:  # some functions in C do not tell
        return (), None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    rest = [p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL]
    return tuple(p.name for p in parameters if p.kind in kinds), rest[0] if rest else None


class _Marker:
    """Stands for a node's result: comes back unchanged only from a handle to all of it."""

    __slots__ = ("node",)

    def __init__(self, node: str) -> None:
        self.node = node


class _MarkerScope:
    """Gives markers for results and nothing else."""

    @property
    def event(self) -> Any:
        raise LookupError("event")

    def result(self, node: str) -> Any:
        return _Marker(node)

    def ended(self, node: str) -> Ended | None:
        return None

    def turn(self, node: str) -> tuple[Any, ...]:
        raise LookupError(node)

    def param(self, name: str) -> Any:
        raise LookupError(name)

    def secret(self, name: str) -> str:
        raise LookupError(name)

    def connection(self, name: str) -> Any:
        raise LookupError(name)


def _whole(graph: Graph) -> str | None:
    if not isinstance(graph.result, Expr):
        return None
    try:
        found = graph.result.evaluate(_MarkerScope())
    # Seam: an expression may do anything with a marker; then it is no plain handle.
    except Exception:  # noqa: BLE001
        return None
    node = graph.nodes.get(found.node) if isinstance(found, _Marker) else None
    return None if node is None or node.mapped else node.name
