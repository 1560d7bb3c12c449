"""A graph while it is being drawn: what a running flow body adds its nodes to."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from itertools import count, pairwise
from typing import Any, NamedTuple

import msgspec

from triphammer.flows.bodies import MARK, beside, level_of, lifted, nested, outside, owner_of
from triphammer.flows.envs.spec import EnvSpec
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
        self._groups: tuple[str, ...] = ()
        self._prefixes: set[str] = set()
        self._results: dict[str, Any] = {}
        self._flows: list[tuple[object, str]] = []
        self.env: EnvSpec | None = None

    @property
    def names(self) -> Sequence[str]:
        """The nodes drawn so far, in order; those of bodies only while in them."""
        level = level_of(self._prefix)
        return [name for name in self._nodes if level_of(name) == level]

    @contextmanager
    def body(
        self, flow: object, name: str, *, mark: str = "/", env: EnvSpec | None = None
    ) -> Generator[None]:
        """While the body of `flow` runs; a sub-flow's nodes are named below its name, unless
        `mark` is empty. Its tasks run in `env`, those of a sub-flow without one in the outer
        flow's."""
        if any(one is flow for one, _ in self._flows):
            place = user_place()
            circle = " -> ".join([*(known for _, known in self._flows), name])
            raise CycleError(f"a flow calls itself: {circle}", place.file, place.line)
        token = _current.set(self)
        below = self.below(name, mark) if self._flows and mark else nullcontext()
        self._flows.append((flow, name))
        outer, self.env = self.env, env or self.env
        try:
            with below:
                yield
        finally:
            self.env = outer
            self._flows.pop()
            _current.reset(token)

    @contextmanager
    def below(self, name: str, mark: str) -> Generator[None]:
        """Nodes drawn meanwhile are named below `name`, or `name_2` where that is taken."""
        outer, groups = self._prefix, self._groups
        taken, free = self._prefixes, name
        for i in count(2):
            if f"{outer}{free}{mark}" not in taken:
                break
            free = f"{name}_{i}"
        self._prefix = f"{outer}{free}{mark}"
        taken.add(self._prefix)
        self._groups = (*groups, self._prefix[:-1])
        try:
            yield
        finally:
            self._prefix, self._groups = outer, groups

    @contextmanager
    def inside(self, owner: str) -> Generator[None]:
        """Nodes drawn meanwhile are the body of the node `owner`."""
        outer, groups = self._prefix, self._groups
        self._prefix, self._groups = owner + MARK, (*groups, f"{owner}[]")
        try:
            yield
        finally:
            self._prefix, self._groups = outer, groups

    def end_body(self, owner: str, result: Any) -> None:
        """The body of `owner` is drawn and gives `result`; `owner` waits for what it uses."""
        level = owner + MARK
        with self.inside(owner):
            self.check(result)
        inside = [node for name, node in self._nodes.items() if name.startswith(level)]
        used = [name for node in inside for name in node.above]
        self._results[owner] = result
        self.wait_for(owner, outside([*used, *needs(result)], level))

    def wait_for(self, name: str, above: Iterable[str]) -> None:
        """Let a node wait for others whose values it uses."""
        upstream = (*self._nodes[name].upstream, *above)
        self.change(name, upstream=tuple(dict.fromkeys(upstream)))

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
        self.check([args, kwargs, options.when])
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
            groups=self._groups,
            where=str(place),
        )
        return name

    def order(self, before: str, after: str) -> None:
        """`after` waits for `before`; what is in a body lets its owner wait."""
        place, level = user_place(), level_of(before)
        if not after.startswith(level):
            raise GraphError(_within(before), place.file, place.line)
        self._edges.setdefault((before, lifted(after, level)), place)

    def node(self, name: str) -> Node:
        """A node as it has been drawn so far; what `>>` adds is not in it yet."""
        return self._nodes[name]

    def has_body(self, name: str) -> bool:
        """Whether there are nodes inside a node."""
        return name in self._results

    def change(self, name: str, **fields: Any) -> None:
        """Draw a node otherwise than it was."""
        self._nodes[name] = msgspec.structs.replace(self._nodes[name], **fields)

    def ends(self, names: Sequence[str]) -> Ends:
        """Where the part of the graph that is made of `names` begins and ends.

        What stands behind it does not wait for its teardowns and handlers.
        """
        own = {name for name in names if self._nodes[name].decides}
        names = [name for name in names if name in own]
        above = {name: own.intersection(self._nodes[name].above) for name in names}
        for before, after in self._edges:
            if before in own and after in own:
                above[after].add(before)
        waited_for = {name for some in above.values() for name in some}
        first = [name for name in names if not above[name]]
        return Ends(self, first, [name for name in names if name not in waited_for])

    def finish(self, result: Any) -> Graph:
        """The graph, once the outermost body has returned `result`."""
        for before, after in self._edges:
            upstream = self._nodes[after].upstream
            if before not in upstream:
                self.change(after, upstream=(*upstream, before))
        above = {name: dict.fromkeys(beside(node)) for name, node in self._nodes.items()}
        order = topological_order(above)
        if order is None:
            raise self._cycle(above)
        nodes = {name: self._nodes[name] for name in order}
        self.check(result)
        return Graph(nodes=nested(nodes, self._results), result=result)

    def check(self, template: Any) -> None:
        """Raise `GraphError` for what another flow or another body has drawn."""
        place = user_place()
        for part in expressions(template):
            if isinstance(part, Result) and part.drawing is not self:
                message = f"the handle of {part.node!r} was drawn by another flow: draw it here"
                raise GraphError(message, place.file, place.line)
            if isinstance(part, Result) and not self._prefix.startswith(level_of(part.node)):
                raise GraphError(_within(part.node), place.file, place.line)
            if part.turn_of is not None and not self._prefix.startswith(part.turn_of + MARK):
                raise GraphError(_within(part.turn_of + MARK), place.file, place.line)

    def _cycle(self, above: Mapping[str, Mapping[str, None]]) -> CycleError:
        circle = find_circle(above)
        drawn = [edge for edge in pairwise(circle) if edge in self._edges]
        message = f"tasks wait for each other in a circle: {' -> '.join(circle)}"
        if not drawn:  # a setup that needs its own work
            raise CycleError(f"{message}, by setup= or teardown= at {self._nodes[circle[0]].where}")
        place = self._edges[drawn[-1]]
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


def _within(name: str) -> str:
    owner = owner_of(name)
    what = repr(name) if name != owner + MARK else "an item or turn"
    return f"{what} is there only in the body of {owner!r}: use the result of {owner!r}"


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
