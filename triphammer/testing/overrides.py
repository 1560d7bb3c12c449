"""What tests put in the place of tasks and resources."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import msgspec

from triphammer.flows.graph import FlowDef, Graph, Node, TaskSpec
from triphammer.flows.resource import Resource, check_plain, uses_of
from triphammer.flows.task import Task

Overrides = Mapping[Task[..., Any] | Resource[Any], Any]


def overridden(flow: FlowDef, overrides: Overrides) -> FlowDef:
    """`flow` with other functions behind its tasks and others in the place of its resources,
    also inside of what is mapped or looped.

    Raises TypeError for a key that is neither.
    """
    fakes = _Fakes(overrides)
    return msgspec.structs.replace(flow, graph=fakes.graph(flow.graph))


class _Fakes:
    def __init__(self, overrides: Overrides) -> None:
        self._functions: dict[Callable[..., Any], Callable[..., Any]] = {}
        self._resources: dict[Resource[Any], Resource[Any]] = {}
        for key, fake in overrides.items():
            if isinstance(key, Resource):
                self._resources[key] = _stand_in(key, fake)
            else:
                self._functions[_function(key)] = fake

    def graph(self, graph: Graph) -> Graph:
        nodes = {name: self._node(node) for name, node in graph.nodes.items()}
        return msgspec.structs.replace(graph, nodes=nodes)

    def _node(self, node: Node) -> Node:
        body = None if node.body is None else self.graph(node.body)
        return msgspec.structs.replace(node, spec=self._spec(node.spec), body=body)

    def _spec(self, spec: TaskSpec) -> TaskSpec:
        fn = self._functions.get(spec.fn)
        if fn is not None:
            is_async = inspect.iscoroutinefunction(fn)
            return msgspec.structs.replace(spec, fn=fn, is_async=is_async, uses=uses_of(fn))
        uses = {name: self._resource(one) for name, one in spec.uses.items()}
        check_plain(spec.name, spec.is_async, uses.values())
        return msgspec.structs.replace(spec, uses=uses)

    def _resource(self, resource: Resource[Any]) -> Resource[Any]:
        """What stands in its place; itself, but for what it is made of, where nothing does."""
        if resource not in self._resources:
            uses = {name: self._resource(one) for name, one in resource.uses.items()}
            same = uses == resource.uses
            self._resources[resource] = resource if same else Resource(resource.fn, uses)
        return self._resources[resource]


def _function(task: Any) -> Callable[..., Any]:
    if not isinstance(task, Task):
        text = "a key is a task or a resource, such as shell or pg"
        raise TypeError(f"overrides= has the key {task!r}: {text}")
    known: Callable[..., Any] = task.fn
    return known


def _stand_in(resource: Resource[Any], fake: Any) -> Resource[Any]:
    """`fake` as a resource: a generator function opens and closes one, another function or a
    class makes one, anything else is one."""
    if isinstance(fake, Resource):
        return fake  # pyright: ignore[reportUnknownVariableType] - of Any it is unknown
    uses = uses_of(fake) if inspect.isroutine(fake) else {}
    stand_in: Resource[Any] = Resource(_opening(fake), uses)
    stand_in.name = resource.name
    return stand_in


def _opening(fake: Any) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(fake) or inspect.isasyncgenfunction(fake):
        opening: Callable[..., Any] = fake
        return opening
    if inspect.iscoroutinefunction(fake):

        async def made_by_coroutine(**made_of: Any) -> AsyncIterator[Any]:
            yield await fake(**made_of)

        return made_by_coroutine

    def made(**made_of: Any) -> Iterator[Any]:
        is_factory = inspect.isroutine(fake) or inspect.isclass(fake)
        yield fake(**made_of) if is_factory else fake

    return made
