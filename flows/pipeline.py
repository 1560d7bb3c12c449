"""`pipeline`: a strict line of tasks, each taking the result of the one before."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from typing import Any, NoReturn, Union, get_args, get_origin

from triphammer.flows.drawing import Drawing, drawing_now
from triphammer.flows.errors import GraphError
from triphammer.flows.expr import needs
from triphammer.flows.flow import Flow
from triphammer.flows.handle import Handle
from triphammer.flows.kinds import is_class
from triphammer.flows.places import user_place
from triphammer.flows.shapes import type_name
from triphammer.flows.task import Task, TaskCall

_KINDS: Mapping[type, str] = {
    bool: "a bool",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "an array",
    tuple: "an array",
    set: "an array",
    frozenset: "an array",
    dict: "an object",
    types.NoneType: "nothing",
}
"""What results look like when they are stored: of two kinds no conversion leads to another."""


def pipeline(first: Any, *links: Any) -> Handle:
    """A line in which each task takes the result of the one before; the handle of the last.

    `pipeline(load, clean, train)` calls each: the first with nothing (or it is a call already,
    `load(path)`), the others with one result. Calls are checked to be such a line:
    `pipeline(a, b, c)` with `b = clean(a)`. Raises `GraphError` for a link that takes more, less
    or, by the annotations, something else.
    """
    drawing = drawing_now()
    if drawing is None:
        _refuse("pipeline(...) belongs in a flow body: it draws a line of tasks")
    if not isinstance(first, Handle):
        _check_takes(first, 0)
    before: Handle = first if isinstance(first, Handle) else first()
    for link in links:
        if isinstance(link, Handle):
            _check_line(before, link, drawing)
            before = link
        else:
            _check_takes(link, 1)
            _check_types(drawing, before, link)
            before = link(before)
    return before


def _check_takes(link: Any, values: int) -> None:
    if not isinstance(link, (Task, TaskCall, Flow)):
        _refuse(f"pipeline() got {link!r}: it takes tasks and flows, or calls of them")
    parameters = _open(link)
    needed = [p for p in parameters if p.default is inspect.Parameter.empty]
    if len(needed) > values:
        takes = ", ".join(p.name for p in needed)
        given = "the one result before it" if values else "nothing, as it is the first"
        _refuse(f"{link!r} is given {given} and needs {takes}: call it, or fix some by .partial()")
    if values and not parameters:
        _refuse(f"{link!r} takes nothing: in a pipeline each takes the result of the one before")


def _open(link: Any) -> list[inspect.Parameter]:
    parameters = link.signature.parameters.values()
    return [p for p in parameters if not (isinstance(link, Flow) and p.name == "event")]


def _check_line(before: Handle, link: Handle, drawing: Drawing) -> None:
    """A call that stands in a line takes the result of the one before, and of no other."""
    last = set(before.graph_ends.last)
    for name in link.graph_ends.first:
        taken = set(drawing.node(name).data)
        if not taken & last:
            _refuse(f"{link!r} does not take the result of {before!r}: pass it on, or use chain()")
        if taken - last:
            others = ", ".join(sorted(taken - last))
            _refuse(f"{link!r} also takes the result of {others}: a pipeline is a strict line")


def _check_types(drawing: Drawing, before: Handle, link: Any) -> None:
    if not isinstance(link, (Task, TaskCall)) or not before.is_whole:
        return
    names = list(needs(before))
    node = drawing.node(names[0]) if len(names) == 1 else None
    parameters = _open(link)
    if node is None or not parameters:
        return
    given = node.spec.hints.get("return", Any)
    if node.mapped:
        given = list
    taken = link.hints.get(parameters[0].name, Any)
    if not _may_fit(given, taken):
        _refuse(
            f"{link!r} takes {_text(taken)} as {parameters[0].name!r}, but {before!r} gives "
            f"{_text(given)}"
        )


def _text(annotation: Any) -> str:
    return type_name(annotation) if is_class(annotation) else str(annotation)


def _may_fit(given: Any, taken: Any) -> bool:
    """Whether some value of one annotation may be converted to the other."""
    if _is_union(given):
        return any(_may_fit(member, taken) for member in get_args(given))
    if _is_union(taken):
        return any(_may_fit(given, member) for member in get_args(taken))
    one, other = (_kind(annotation) for annotation in (given, taken))
    return one is None or other is None or one == other


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _kind(annotation: Any) -> str | None:
    origin = types.NoneType if annotation is None else get_origin(annotation) or annotation
    return _KINDS.get(origin) if is_class(origin) else None


def _refuse(message: str) -> NoReturn:
    place = user_place()
    raise GraphError(message, place.file, place.line)
