"""One task of a flow alone, with what a past run says of all that stands before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from triphammer.flows.errors import FlowError
from triphammer.flows.expr import Expr, Scope
from triphammer.flows.graph import FlowDef, Graph, Node
from triphammer.flows.journal import ErrorInfo, TaskRow
from triphammer.flows.references import suggest

ENDED = ("succeeded", "failed", "skipped")
LEFT_OUT = ErrorInfo("LeftOut", "it did not end in the run that is repeated")


class Excerpt(msgspec.Struct, frozen=True):
    """A flow up to one task, whose result is the flow's. `item`: only this one of its map."""

    flow: FlowDef
    task: str
    item: int | None = None

    @property
    def name(self) -> str:
        """The task as it is journaled."""
        return self.task if self.item is None else f"{self.task}[{self.item}]"


def excerpt_of(flow: FlowDef, name: str) -> Excerpt:
    """What `name` (`parse`, `enrich`, `enrich[17]`) needs. Raises `FlowError` for another name."""
    nodes = flow.graph.nodes
    task, item = _parted(name)
    node = nodes.get(name) or nodes.get(task)
    if node is None:
        hint = "; what is inside of a map or loop goes with the whole" if "]/" in name else ""
        raise FlowError(f"{flow.name} has no task {name!r}{suggest(name, nodes)}{hint}")
    if node.name == name:
        item = None
    elif not node.mapped:
        raise FlowError(f"{task} of {flow.name} is not mapped: it has no item {item}")
    wanted = _before(node, nodes)
    graph = Graph(
        nodes={name: one for name, one in nodes.items() if name in wanted},
        result=None if item is not None else _Whole(node.name),
    )
    return Excerpt(msgspec.structs.replace(flow, graph=graph), node.name, item)


def rows_before(excerpt: Excerpt, rows: Sequence[TaskRow], run: str) -> tuple[TaskRow, ...]:
    """The journal of a run that is to begin with the excerpt's task: what stands before it has
    ended as in `run`. Raises `FlowError` where it had not."""
    nodes, task = excerpt.flow.graph.nodes, excerpt.task
    kept = [row for row in rows if (top := _top(row.name)) in nodes and top != task]
    ended = {row.name for row in kept if row.state in ENDED}
    missing = [name for name in nodes if name not in ended and name != task]
    if missing:
        raise FlowError(
            f"{excerpt.name} stands behind {', '.join(missing)}, which did not end in {run}, or is "
            "not in it: repeat the run without --only"
        )
    if excerpt.item is not None:
        own = {row.name: row for row in rows if _top(row.name) == task}
        kept += _siblings(excerpt, own, run)
    return tuple(kept)


def _siblings(excerpt: Excerpt, own: Mapping[str, TaskRow], run: str) -> Iterator[TaskRow]:
    """The rows of the map that an item is of, and of its other items."""
    whole, count = own.get(excerpt.task), 0
    if whole is not None:
        count = whole.items or 0
    if whole is None or excerpt.item is None or excerpt.item >= count:
        raise FlowError(f"{excerpt.name} is not in {run}: {excerpt.task} had {count} items there")
    yield msgspec.structs.replace(whole, state="running", finished_at=None, error=None)
    for number in range(count):
        name = f"{excerpt.task}[{number}]"
        row = own.get(name)
        if number == excerpt.item:
            continue
        if row is None or row.state not in ENDED:
            yield TaskRow(name=name, state="failed", attempt=1, error=LEFT_OUT)
        else:
            yield row


class _Whole(Expr):
    """The result of a node."""

    __slots__ = ("_node",)

    def __init__(self, node: str) -> None:
        self._node = node

    def evaluate(self, scope: Scope) -> Any:
        return scope.result(self._node)

    def upstream(self) -> Iterator[str]:
        yield self._node


def _parted(name: str) -> tuple[str, int | None]:
    task, _, number = name.removesuffix("]").rpartition("[")
    return (task, int(number)) if name.endswith("]") and number.isdecimal() else (name, None)


def _before(node: Node, nodes: Mapping[str, Node]) -> set[str]:
    """The node, and all nodes that it must wait for, however indirectly."""
    found, waiting = {node.name}, [node]
    while waiting:
        one = waiting.pop()
        new = {*one.above, *one.data, *(one.undoes or ())} - found
        found |= new
        waiting += [nodes[name] for name in new]
    return found


def _top(name: str) -> str:
    """The node of the flow's own graph that a row is of."""
    return name.partition("[")[0]
