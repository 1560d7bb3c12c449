"""Flows mapped over items: the whole body runs for each item, without waiting for the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NoReturn, Protocol, TypedDict, Unpack

from triphammer.flows.drawing import Drawing, drawing_now
from triphammer.flows.errors import GraphError
from triphammer.flows.graph import Options, TaskSpec
from triphammer.flows.handle import Handle
from triphammer.flows.options import TriggerRule, apply_options
from triphammer.flows.places import user_place
from triphammer.flows.references import TurnRef, suggest
from triphammer.flows.surround import draw
from triphammer.flows.task import mapped_over


class FlowOptions(TypedDict, total=False):
    """The keywords of `.options(...)` of a flow that is mapped: see `TaskOptions`."""

    name: str
    when: Any
    trigger_rule: TriggerRule
    max_parallel: int
    errors: Literal["fail", "skip", "collect"]
    cross: bool
    setup: Any
    teardown: Any
    on_success: Any
    on_failure: Any


class Body(Protocol):
    """What is mapped: a flow."""

    @property
    def name(self) -> str: ...

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]: ...

    def draw_inside(self, drawing: Drawing, known: Mapping[str, Any]) -> Any: ...


class FlowMap:
    """A flow with options, or with some parameters fixed, for a map."""

    def __init__(
        self, flow: Body, options: Options | None = None, fixed: Mapping[str, Any] | None = None
    ) -> None:
        self._flow = flow
        self._options = options or Options()
        self._fixed = fixed or {}

    def options(self, **options: Unpack[FlowOptions]) -> FlowMap:
        """This map with these options as well. Raises `GraphError`."""
        for name in options:
            if name not in FlowOptions.__annotations__:
                known = suggest(name, FlowOptions.__annotations__)
                _refuse(f"a mapped flow has no option {name!r}{known}")
        changed = apply_options(self._options, options, is_async=False)
        return FlowMap(self._flow, changed, self._fixed)

    def partial(self, **fixed: Any) -> FlowMap:
        """This map with these parameters fixed for all items."""
        return FlowMap(self._flow, self._options, {**self._fixed, **fixed})

    def map(self, *collections: Any) -> Handle:
        """Run the flow's body once for each item; several collections are zipped.

        The tasks of item 3 are named `orders[3]/parse`. The result is the list of what the body
        returns. Raises `GraphError`.
        """
        flow, drawing = self._flow, drawing_now()
        if drawing is None:
            _refuse(f"{flow.name}.map(...) belongs in a flow body")
        if not collections:
            _refuse(f"{flow.name}.map() needs something to map over: .map(items)")
        columns = tuple(mapped_over(flow.name, column) for column in collections)
        drawing.check(dict(self._fixed))

        def body(owner: str) -> None:
            items = tuple(TurnRef(owner, place) for place in range(len(columns)))
            known = flow.bind(items, self._fixed)
            draw_body(drawing, owner, lambda: flow.draw_inside(drawing, known))

        spec = body_spec(flow.name)
        return draw(drawing, spec, self._options, columns, {}, mapped=True, body=body)


def body_spec(name: str) -> TaskSpec:
    """What a node calls that has a body: nothing."""
    place = str(user_place())
    return TaskSpec(name=name, kind="body", fn=_none, is_async=False, hints={}, where=place)


def draw_body(drawing: Drawing, owner: str, draw_inside: Callable[[], Any]) -> None:
    """Draw the body of the node `owner`."""
    with drawing.inside(owner):
        result = draw_inside()
    drawing.end_body(owner, result)


def _none() -> None:
    raise AssertionError("a node with a body is not called")


def _refuse(message: str) -> NoReturn:
    place = user_place()
    raise GraphError(message, place.file, place.line)
