"""The parameters of a flow, read from its body's signature."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args, get_origin

from triphammer.flows.errors import GraphError
from triphammer.flows.graph import Param
from triphammer.flows.places import Place


class EventType(NamedTuple):
    """The annotation of `event`: its class, and the type of its data (None: none given)."""

    kind: Any = None
    data: Any = None


def event_type(annotation: Any) -> EventType:
    """Read `Event[Order]` or `Event`."""
    origin = get_origin(annotation)
    if origin is None:
        return EventType(annotation if isinstance(annotation, type) else None)
    data = next(iter(get_args(annotation)), Any)
    return EventType(origin, None if data is Any else data)


def parameters(
    flow: str, signature: inspect.Signature, hints: Mapping[str, Any], place: Place
) -> dict[str, Param]:
    """Every argument but `event`. Raises `GraphError` for `*args`, `**kwargs` and `x, /`."""
    found: dict[str, Param] = {}
    for parameter in signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            message = f"{flow}: {parameter} cannot be a parameter: give each a name of its own"
            raise GraphError(message, place.file, place.line)
        if parameter.name != "event":
            found[parameter.name] = _param(parameter, hints.get(parameter.name, Any))
    return found


def _param(parameter: inspect.Parameter, annotation: Any) -> Param:
    required = parameter.default is parameter.empty
    return Param(
        name=parameter.name,
        annotation=annotation,
        default=None if required else parameter.default,
        required=required,
    )
