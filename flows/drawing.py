"""A graph while it is being drawn: what a running flow body adds its nodes to."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count, pairwise
from typing import Any, NamedTuple

import msgspec

from triphammer.flows.errors import CycleError, GraphError
from triphammer.flows.expr import Expr, expressions, needs
from triphammer.flows.graph import Graph, Node, Options, TaskSpec
from triphammer.flows.ordering import find_circle, topological_order
from triphammer.flows.places import Place, user_place

_current: ContextVar[Drawing | None] = ContextVar("triphammer_drawing", default=None)


def drawing_now() -> Drawing | None:
    """The drawing that a flow body is running for, if one is."""
    return _current.get()


class Drawing:
    """The nodes and edges of one flow body so far."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._edges: dict[tuple[str, str], Place] = {}
        self._prefix = ""
        self._flows: list[tuple[object, str]] = []

    @property
    def names(self) -> Sequence[str]:
        """The nodes drawn so far, in order."""
        return list(self._nodes)

    @contextmanager
    def body(self, flow: object, name: str) -> Generator[None]:
        """While the body of `flow` runs; a sub-flow's nodes are named below its name."""
        if any(one is flow for one, _ in self._flows):
            place = user_place()
            circle = " -> ".join([*(known for _, known in self._flows), name])
            raise CycleError(f"a flow calls itself: {circle}", place.file, place.line)
        outer, token = self._prefix, _current.set(self)
        if self._flows:
            self._prefix = f"{outer}{self._free_prefix(name)}/"
        self._flows.append((flow, name))
        try:
            yield
        finally:
            self._flows.pop()
            self._prefix = outer
            _current.reset(token)

    def add(
        self,
        base: str,
        spec: TaskSpec,
        options: Options,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        mapped: bool = False,
    ) -> str:
        """Draw one node and return its name: `base`, or `base_2` where that is taken."""
        place = user_place()
        self._check_own([args, kwargs, options.when], place)
        name = self._name(base, options.name, place)
        data = tuple(dict.fromkeys(needs([args, kwargs])))
        above = (*data, *needs(options.when)) if options.when is not None else data
        self._nodes[name] = Node(
            name=name,
            spec=spec,
            options=options,
            args=args,
            kwargs=kwargs,
            mapped=mapped,
            upstream=tuple(dict.fromkeys(above)),
            data=data,
            where=str(place),
        )
        return name

    def order(self, before: str, after: str) -> None:
        """`after` waits for `before`."""
        self._edges.setdefault((before, after), user_place())

    def ends(self, names: Sequence[str]) -> Ends:
        """Where the part of the graph that is made of `names` begins and ends."""
        own = set(names)
        above = {name: own.intersection(self._nodes[name].upstream) for name in names}
        for before, after in self._edges:
            if before in own and after in own:
                above[after].add(before)
        waited_for = {name for some in above.values() for name in some}
        first = [name for name in names if not above[name]]
        return Ends(self, first, [name for name in names if name not in waited_for])

    def finish(self, result: Any) -> Graph:
        """The graph, once the outermost body has returned `result`."""
        above = {name: dict.fromkeys(node.upstream) for name, node in self._nodes.items()}
        for before, after in self._edges:
            above[after][before] = None
        order = topological_order(above)
        if order is None:
            raise self._cycle(above)
        nodes = {
            name: msgspec.structs.replace(self._nodes[name], upstream=tuple(above[name]))
            for name in order
        }
        return Graph(nodes=nodes, result=result)

    def _check_own(self, template: Any, place: Place) -> None:
        for part in expressions(template):
            if isinstance(part, Result) and part.drawing is not self:
                message = f"the handle of {part.node!r} was drawn by another flow: draw it here"
                raise GraphError(message, place.file, place.line)

    def _cycle(self, above: Mapping[str, Mapping[str, None]]) -> CycleError:
        circle = find_circle(above)
        drawn = [edge for edge in pairwise(circle) if edge in self._edges]
        place = self._edges[drawn[-1]]
        message = f"tasks wait for each other in a circle: {' -> '.join(circle)}"
        return CycleError(f"{message}; take out one of the `>>`", place.file, place.line)

    def _name(self, base: str, explicit: str | None, place: Place) -> str:
        if explicit is None:
            return self._free(self._prefix + base)
        name = self._prefix + explicit
        if name in self._nodes:
            other = self._nodes[name].where
            message = f"two tasks are named {name!r}, the other at {other}: choose another name="
            raise GraphError(message, place.file, place.line)
        return name

    def _free(self, name: str) -> str:
        if name not in self._nodes:
            return name
        return next(n for i in count(2) if (n := f"{name}_{i}") not in self._nodes)

    def _free_prefix(self, flow: str) -> str:
        inner = [n[len(self._prefix) :] for n in self._nodes if n.startswith(self._prefix)]
        taken = {name.split("/")[0] for name in inner if "/" in name}
        if flow not in taken:
            return flow
        return next(n for i in count(2) if (n := f"{flow}_{i}") not in taken)


class Ends(NamedTuple):
    """The nodes of a part of the graph that wait for none, and that none waits for, in it."""

    drawing: Drawing
    first: Sequence[str]
    last: Sequence[str]


class Result(Expr):
    """The result of a node."""

    __slots__ = ("drawing", "node")

    def __init__(self, drawing: Drawing, node: str) -> None:
        self.drawing = drawing
        self.node = node

    def evaluate(self, scope: Any) -> Any:
        return scope.result(self.node)

    def upstream(self) -> Iterator[str]:
        yield self.node
