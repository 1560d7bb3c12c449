"""`loop`: a task or a small body, again and again with its last result."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, NoReturn, Union, Unpack, get_args, get_origin

from triphammer.flows.conditions import Condition, condition
from triphammer.flows.drawing import Drawing, drawing_now
from triphammer.flows.errors import GraphError
from triphammer.flows.expr import Expr, needs
from triphammer.flows.flow import Flow
from triphammer.flows.graph import Loop, Options
from triphammer.flows.handle import Handle
from triphammer.flows.mapped import FlowOptions, body_spec, draw_body
from triphammer.flows.options import apply_options
from triphammer.flows.places import user_place
from triphammer.flows.references import TurnRef
from triphammer.flows.surround import draw
from triphammer.flows.task import Task, TaskCall

OnMax = Literal["fail", "last"]


class LoopCall:
    """`loop(...)`: repeats."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options

    def options(self, **options: Unpack[FlowOptions]) -> LoopCall:
        """With these options: `loop.options(name="tune")(...)`; those of a task as a body stand
        at the task."""
        return LoopCall(apply_options(self._options or Options(), options, is_async=False))

    def __call__(
        self,
        body: Any,
        *first: Any,
        until: Callable[[Any], Any] | None = None,
        max: int | None = None,
        on_max: OnMax = "fail",
    ) -> Handle:
        """Repeat `body` (a task, a flow or a function that draws) with its last result.

        The first turn gets `first`, if it is given. `until` draws a condition of the last
        result: `until=lambda last: last["loss"] < 0.1`. When it does not hold after `max` turns
        the loop fails, or with `on_max="last"` takes what it has; without `until` it makes
        `max` turns. Each turn is journaled, as `tune[0]`, `tune[1]`, ... The result is that of
        the last turn. Raises `GraphError`.
        """
        drawing = _drawing()
        _check(until, max, on_max)
        if len(first) > 1:
            _refuse("loop(body, first, ...) takes one first value: fix others by .partial()")
        drawing.check(list(first))
        given, takes = _first(body, first)
        rest = Loop(most=max, on_max=on_max if until is not None else "last", takes=takes)
        if isinstance(body, (Task, TaskCall)):
            return self._task(drawing, body, given, rest, until)
        return self._body(drawing, body, given, rest, until)

    def _task(
        self, drawing: Drawing, body: Any, given: tuple[Any, ...], rest: Loop, until: Any
    ) -> Handle:
        if self._options is not None:
            _refuse("the options of a loop over a task stand at the task: task.options(...)")

        def inside(owner: str) -> None:
            _turn(drawing, owner, rest, until)

        handle: Handle = body.partial().draw_as(given, inside)
        return handle

    def _body(
        self, drawing: Drawing, body: Any, given: tuple[Any, ...], rest: Loop, until: Any
    ) -> Handle:
        def inside(owner: str) -> None:
            last = (TurnRef(owner, 0),) if rest.takes else ()
            if isinstance(body, Flow):
                known = body.bind(last, {})
                draw_body(drawing, owner, lambda: body.draw_inside(drawing, known))
            else:
                draw_body(drawing, owner, lambda: body(*last))
            _turn(drawing, owner, rest, until)

        name = body.name if isinstance(body, Flow) else _name(body)
        spec = body_spec(name)
        return draw(drawing, spec, self._options or Options(), given, {}, body=inside)


def _turn(drawing: Drawing, owner: str, rest: Loop, until: Any) -> None:
    """Give the node its loop."""
    holds = None if until is None else _until(drawing, owner, until)
    loop = Loop(until=holds, most=rest.most, on_max=rest.on_max, takes=rest.takes)
    drawing.change(owner, loop=loop)
    if holds is not None:
        drawing.wait_for(owner, needs(holds))


def _until(drawing: Drawing, owner: str, until: Callable[[Any], Any]) -> Condition:
    before = len(drawing.names)
    holds = condition(until(TurnRef(owner, 0)), "until")
    if len(drawing.names) != before:
        _refuse("until= compares the last result and draws no tasks: let the body return more")
    with drawing.inside(owner):
        drawing.check(holds)
    return holds


def _first(body: Any, first: tuple[Any, ...]) -> tuple[tuple[Any, ...], bool]:
    """What the first turn is given, and whether each turn takes anything."""
    parameters = _open(body)
    required = [p for p in parameters if p.default is inspect.Parameter.empty]
    if len(required) > 1:
        names = ", ".join(p.name for p in required)
        _refuse(f"{body!r} in a loop is given the last result and needs {names}: fix the others")
    if first and not parameters:
        _refuse(f"{body!r} takes nothing, so that loop(...) has no use for a first value")
    if first or not required:
        return first, bool(parameters)
    if not _takes_none(body, required[0].name):
        _refuse(f"{body!r} needs a value for its first turn: loop({_name(body)}, value, until=...)")
    return (None,), True


def _open(body: Any) -> list[inspect.Parameter]:
    if isinstance(body, Expr) or not callable(body):
        _refuse(f"loop() got {body!r}: it takes a task (not called), a flow or a function")
    signature = getattr(body, "signature", None) or inspect.signature(body)
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = [p for p in signature.parameters.values() if p.kind not in kinds]
    return [p for p in parameters if not (isinstance(body, Flow) and p.name == "event")]


def _takes_none(body: Any, name: str) -> bool:
    hints: Mapping[str, Any] = getattr(body, "hints", {})
    annotation = hints.get(name, Any)
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()
    return annotation in (Any, object) or types.NoneType in members


def _name(body: Any) -> str:
    name: str = getattr(body, "name", "") or getattr(body, "__name__", "")
    return name if name.isidentifier() else "loop"


def _check(until: Any, most: Any, on_max: Any) -> None:
    if until is None and most is None:
        _refuse("loop() never ends: give until= or max=")
    if until is not None and (isinstance(until, Expr) or not callable(until)):
        _refuse("until= takes a function of the last result: until=lambda last: last > 3")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        _refuse(f"max={most!r}: must be a whole number, 1 or more")
    if on_max not in ("fail", "last"):
        _refuse(f"on_max={on_max!r}: must be 'fail' or 'last'")


def _drawing() -> Drawing:
    drawing = drawing_now()
    if drawing is None:
        _refuse("loop(...) belongs in a flow body: it draws what is repeated")
    return drawing


def _refuse(message: str) -> NoReturn:
    place = user_place()
    raise GraphError(message, place.file, place.line)


loop = LoopCall()
