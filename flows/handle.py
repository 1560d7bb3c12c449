"""Handles: what a task call in a flow body returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

from triphammer.flows.drawing import Drawing, Ends, Result
from triphammer.flows.errors import GraphError
from triphammer.flows.expr import Expr, Scope, missing, resolve
from triphammer.flows.kinds import is_array, is_mapping
from triphammer.flows.paths import Item, Step, follow, templates
from triphammer.flows.places import user_place
from triphammer.flows.references import Reference

if TYPE_CHECKING:
    # For type checkers a handle fits every parameter: the value is converted at run time.
    Anything = Any
else:
    Anything = object


class Handle(Reference, Anything):  # type: ignore[misc]
    """The result of a task, map or sub-flow of the graph being drawn.

    `handle["k"]` and `.get` refer into the result, comparisons draw conditions, `a >> b` lets
    `b` wait for `a`. Python's own uses of a value (`if`, `for`, f-strings, ...) raise
    `HandleError` with file, line and cure.
    """

    __slots__ = ("_name", "_value", "graph_ends")

    def __init__(
        self, name: str, value: Any, graph_ends: Ends, steps: tuple[Step, ...] = ()
    ) -> None:
        super().__init__(steps)
        self._name = name
        self._value = value
        self.graph_ends = graph_ends

    def evaluate(self, scope: Scope) -> Any:
        """The result, or the place in it that this handle refers to; None where a trigger
        rule went past a task that has no result."""
        value = resolve(self._value, scope)
        if value is None and self._steps and missing(self._value, scope):
            return None
        return follow(value, self._steps, scope)

    def parts(self) -> Iterator[Any]:
        yield self._value
        yield from templates(self._steps)

    def _after(self, step: Step) -> Handle:
        inner = self._part(step)
        if inner is not None:
            return Handle(f"{self._name}{step}", inner, self.graph_ends)
        return Handle(self._name, self._value, self.graph_ends, (*self._steps, step))

    def _part(self, step: Step) -> Expr | None:
        """The handle at a place of what a sub-flow returned: no need to wait for the rest."""
        if self._steps or not isinstance(step, Item) or not isinstance(step.key, (str, int)):
            return None
        value = self._value
        inner: Any = None
        if is_mapping(value):
            inner = value.get(step.key)
        elif is_array(value) and isinstance(step.key, int):
            inner = value[step.key] if -len(value) <= step.key < len(value) else None
        return inner if isinstance(inner, Expr) else None

    @property
    def is_whole(self) -> bool:
        """Whether it stands for a result as a whole, not for a place in it."""
        return not self._steps

    def _root(self) -> str:
        return self._name

    def __rshift__(self, after: Any) -> Any:
        order([self], _handles(after))
        return after

    def __rrshift__(self, before: Any) -> Any:
        order(_handles(before), [self])
        return self

    def __lshift__(self, before: Any) -> Any:
        order(_handles(before), [self])
        return before

    def __rlshift__(self, after: Any) -> Any:
        order([self], _handles(after))
        return self


class Group(Handle):
    """The tasks drawn in a `with group(...)`: can be ordered as one, has no value."""

    __slots__ = ()

    def parts(self) -> Iterator[Any]:
        """Raises `GraphError`: whoever asks took the group for a value."""
        _refuse(f"the group {self._name!r} is no value: pass on the result of a task in it")

    def _after(self, step: Step) -> Handle:
        _refuse(f"the group {self._name!r} is no value: take {step} of a task in it")


def order(before: Sequence[Handle], after: Sequence[Handle]) -> None:
    """Each of `after` waits for each of `before`."""
    for first in before:
        for second in after:
            _precede(first, second)


def chain(*links: Any) -> None:
    """`a >> b >> c` as a call: each link waits for the one before it.

    A link is a handle or a list of handles; two lists beside each other must be equally long
    and are ordered pair by pair (as in Airflow).
    """
    for before, after in pairwise(links):
        firsts, seconds = _handles(before), _handles(after)
        if isinstance(before, Handle) or isinstance(after, Handle):
            order(firsts, seconds)
        elif len(firsts) == len(seconds):
            for first, second in zip(firsts, seconds, strict=True):
                order([first], [second])
        else:
            _refuse(
                f"chain() got lists of {len(firsts)} and {len(seconds)} tasks side by side: "
                "make them equally long, or put one task between them"
            )


def _precede(before: Handle, after: Handle) -> None:
    one: Ends = before.graph_ends
    other: Ends = after.graph_ends
    if one.drawing is not other.drawing:
        _refuse(f"{before!r} and {after!r} belong to different flows: order tasks of one flow")
    for handle, names in ((before, one.last), (after, other.first)):
        if not names:
            _refuse(f"{handle!r} has no task that could be ordered")
    for last in one.last:
        for first in other.first:
            one.drawing.order(last, first)


def node_handle(drawing: Drawing, node: str) -> Handle:
    """The handle of one drawn node."""
    return Handle(node, Result(drawing, node), Ends(drawing, (node,), (node,)))


def _handles(value: Any) -> Sequence[Handle]:
    if isinstance(value, Handle):
        return [value]
    if not is_array(value):
        _refuse(f"{value!r} cannot be ordered: `>>` and chain() take task calls, lists of them")
    return [handle for item in value for handle in _handles(item)]


def _refuse(message: str) -> NoReturn:
    place = user_place()
    raise GraphError(message, place.file, place.line)
