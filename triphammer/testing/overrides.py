"""Functions in the place of tasks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from triphammer.flows.graph import FlowDef, Node
from triphammer.flows.task import Task

Overrides = Mapping[Task[..., Any], Callable[..., Any]]


def overridden(flow: FlowDef, overrides: Overrides) -> FlowDef:
    """`flow` with other functions behind its tasks. Raises TypeError for what is no task."""
    by_function = {_function(task): fn for task, fn in overrides.items()}
    nodes = {name: _node(node, by_function) for name, node in flow.graph.nodes.items()}
    return msgspec.structs.replace(flow, graph=msgspec.structs.replace(flow.graph, nodes=nodes))


def _function(task: Any) -> Callable[..., Any]:
    if not isinstance(task, Task):
        raise TypeError(f"overrides= has the key {task!r}: a key is a task, such as shell")
    known: Callable[..., Any] = task.fn
    return known


def _node(node: Node, by_function: Mapping[Callable[..., Any], Callable[..., Any]]) -> Node:
    fn = by_function.get(node.spec.fn)
    if fn is None:
        return node
    spec = msgspec.structs.replace(node.spec, fn=fn, is_async=inspect.iscoroutinefunction(fn))
    return msgspec.structs.replace(node, spec=spec)
