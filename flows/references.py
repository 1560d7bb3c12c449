"""What stands for the event, the parameters, texts and secrets while a flow is drawn."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from triphammer.flows.conditions import Comparable
from triphammer.flows.credentials import connection, secret
from triphammer.flows.drawing import drawing_now
from triphammer.flows.errors import GraphError, HandleError
from triphammer.flows.expr import Scope, expressions, resolve
from triphammer.flows.kinds import field_names
from triphammer.flows.paths import Field, Get, Item, Step, follow, templates
from triphammer.flows.places import user_place

__all__ = [
    "EventRef",
    "ParamRef",
    "Reference",
    "Text",
    "connection",
    "event",
    "is_event",
    "secret",
    "steps_of",
    "suggest",
    "text",
]


class Reference(Comparable):
    """A value of the run, or a place inside it."""

    __slots__ = ("_steps",)

    def __init__(self, steps: tuple[Step, ...] = ()) -> None:
        self._steps = steps

    def _after(self, step: Step) -> Any:
        raise NotImplementedError

    def _root(self) -> str:
        raise NotImplementedError

    def __getitem__(self, key: Any) -> Any:
        return self._after(Item(key))

    def get(self, key: Any, default: Any = None) -> Any:
        """The item `key`, or `default` where there is none."""
        return self._after(Get(key, default))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # asked by Python and tools: copy, pickle, inspect
            raise AttributeError(name)
        place = user_place()
        message = f"{self!r} has no attributes: write {self!r}[{name!r}] for the item {name!r}"
        raise HandleError(message, place.file, place.line)

    def parts(self) -> Iterator[Any]:
        return templates(self._steps)

    def __repr__(self) -> str:
        return self._root() + "".join(map(str, self._steps))


class EventRef(Reference):
    """The run's event. `kind` is the class it is annotated with, `data` that of its data."""

    __slots__ = ("_data", "_kind")

    def __init__(self, kind: Any = None, data: Any = None, steps: tuple[Step, ...] = ()) -> None:
        super().__init__(steps)
        self._kind = kind
        self._data = data

    def evaluate(self, scope: Scope) -> Any:
        return follow(scope.event, self._steps, scope)

    def _after(self, step: Step) -> EventRef:
        if not self._steps and not isinstance(step, Field):
            step = Field(str(step.key))
        return EventRef(self._kind, self._data, (*self._steps, step))

    def _root(self) -> str:
        return "event"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if not self._steps:
            return self._attribute(name, self._kind)
        if len(self._steps) == 1 and self._steps[0] == Field("data") and self._data is not None:
            return self._attribute(name, self._data)
        if len(self._steps) > 1 and self._data is not None:
            return self._after(Field(name))
        return super().__getattr__(name)

    def _attribute(self, name: str, kind: Any) -> Any:
        known = field_names(kind)
        if known and name not in known:
            place = user_place()
            message = f"{self!r} has no {name!r}{suggest(name, known)}"
            raise HandleError(message, place.file, place.line)
        return self._after(Field(name))


def steps_of(reference: EventRef) -> tuple[Step, ...]:
    """The way from the event to what `reference` stands for. No method: its names are those of
    the event's fields."""
    return reference._steps  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def is_event(value: object) -> bool:
    """Whether `value` stands for the whole event."""
    return isinstance(value, EventRef) and repr(value) == "event"


event: Any = EventRef()
"""The event in `@flow(params={"env": event.data["env"]})`, where no body names it yet."""


class ParamRef(Reference):
    """A parameter of the flow."""

    __slots__ = ("_name",)

    def __init__(self, name: str, steps: tuple[Step, ...] = ()) -> None:
        super().__init__(steps)
        self._name = name

    def evaluate(self, scope: Scope) -> Any:
        return follow(scope.param(self._name), self._steps, scope)

    def _after(self, step: Step) -> ParamRef:
        return ParamRef(self._name, (*self._steps, step))

    def _root(self) -> str:
        return self._name


class TurnRef(Reference):
    """What an item of a mapped flow, or a turn of a loop, is given."""

    __slots__ = ("_owner", "_place", "turn_of")

    def __init__(self, owner: str, place: int, steps: tuple[Step, ...] = ()) -> None:
        super().__init__(steps)
        self.turn_of: str | None = owner
        self._owner = owner
        self._place = place

    def evaluate(self, scope: Scope) -> Any:
        return follow(scope.turn(self._owner)[self._place], self._steps, scope)

    def _after(self, step: Step) -> TurnRef:
        return TurnRef(self._owner, self._place, (*self._steps, step))

    def _root(self) -> str:
        return f"{self._owner}[]"


class Text(Comparable):
    """A text with values in it, put together at run time."""

    __slots__ = ("_template", "_values")

    def __init__(self, template: str, values: Mapping[str, Any]) -> None:
        self._template = template
        self._values = dict(values)

    def evaluate(self, scope: Scope) -> str:
        return self._template.format(**resolve(self._values, scope))

    def parts(self) -> Iterator[Any]:
        yield self._values

    def __repr__(self) -> str:
        return f"text({self._template!r})"


def text(template: str, **values: Any) -> Any:
    """`template` with each `{name}` replaced by the value of that name.

    In a flow body the text is put together at run time; elsewhere at once. Format
    specifications work: `text("{x:.2f}", x=...)`. Raises `GraphError` when the names in the
    template and the values given differ.
    """
    _check_names(template, values)
    if drawing_now() is None and next(expressions(values), None) is None:
        return template.format(**values)
    return Text(template, values)


def _check_names(template: str, values: Mapping[str, Any]) -> None:
    place = user_place()
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise GraphError(f"text({template!r}): {error}", place.file, place.line) from error
    names = {field.split(".")[0].split("[")[0] for field in fields}
    for name in sorted(names - set(values)):
        given = suggest(name, values) if name else ": give each place a name, {n}, and n=..."
        message = f"text({template!r}) has no value for {{{name}}}{given}"
        raise GraphError(message, place.file, place.line)
    for name in sorted(set(values) - names):
        message = f"text({template!r}) has no place {{{name}}} for {name}="
        raise GraphError(message, place.file, place.line)


def suggest(name: str, known: Any) -> str:
    """A half sentence that names the nearest of `known`, or all of them."""
    names = sorted(map(str, known))
    near = get_close_matches(name, names, 1)
    if near:
        return f": did you mean {near[0]!r}?"
    return f"; there are: {', '.join(names)}" if names else ""
