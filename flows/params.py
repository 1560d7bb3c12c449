"""Values for the parameters of a flow: described, checked, stored and read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from triphammer.flows.codec import convert, to_plain
from triphammer.flows.errors import GraphError, ParamMisfit, ValueMisfit
from triphammer.flows.expr import Scope, resolve
from triphammer.flows.flow import Flow
from triphammer.flows.graph import FlowDef, Param
from triphammer.flows.outcomes import Ended
from triphammer.flows.references import suggest
from triphammer.flows.shapes import type_name, uses_pydantic


def described(flow: Flow[..., Any]) -> Mapping[str, Param]:
    """The flow's parameters with their JSON schemas and checked defaults.

    Raises `GraphError` for a default that does not fit its annotation or that JSON cannot
    hold: parameters are stored.
    """
    return {name: _described(flow, param) for name, param in flow.params.items()}


def fill_params(flow: FlowDef, event: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a new run as JSON's own types, every one of the flow's.

    What is `given` comes first, then the flow's `params=` over the event, then the default.
    Texts given for numbers and booleans are read as such. Raises `ParamMisfit` naming every
    parameter that is unknown, missing or does not fit.
    """
    faults = {
        name: f"{flow.name} has no parameter {name!r}{suggest(name, flow.params)}"
        for name in given
        if name not in flow.params
    }
    scope = _EventScope(event)
    values: dict[str, Any] = {}
    for param in flow.params.values():
        try:
            values[param.name] = _value(flow, param, scope, given)
        except ValueMisfit as error:
            faults[param.name] = str(error)
    if faults:
        raise ParamMisfit(faults)
    return values


def typed_params(flow: FlowDef, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Stored parameters as their annotations say. Raises `ValueMisfit`.

    A parameter that the stored run does not know has its default.
    """
    return {
        p.name: _typed(flow.name, p, stored[p.name]) if p.name in stored else p.default
        for p in flow.params.values()
    }


def _value(flow: FlowDef, param: Param, scope: Scope, given: Mapping[str, Any]) -> Any:
    if param.name in given:
        return _plain(flow.name, param, _read(param, given[param.name]))
    if param.name in flow.fill:
        try:
            value = resolve(flow.fill[param.name], scope)
        except (LookupError, TypeError) as error:
            message = f"params= of {flow.name} finds no value for {param.name!r}: {error}"
            raise ValueMisfit(message) from error
        return _plain(flow.name, param, _read(param, value))
    if param.required:
        raise ValueMisfit(f"{flow.name} needs a value for its parameter {param.name!r}")
    return to_plain(param.default)


def _read(param: Param, value: Any) -> Any:
    """Forms, command lines and webhooks give texts: read one as the number it must be."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.convert(value, param.annotation, strict=False)
    except (TypeError, ValueError):  # the annotation is not msgspec's, or it stays a misfit
        return value


def _plain(flow: str, param: Param, value: Any) -> Any:
    typed = _typed(flow, param, value)
    try:
        return to_plain(typed)
    except (TypeError, ValueError) as error:
        message = f"parameter {param.name!r} of {flow} cannot be stored: {error}"
        raise ValueMisfit(message) from error


def _typed(flow: str, param: Param, value: Any) -> Any:
    if value is None and param.default is None and not param.required:
        return None  # `region: str = None` is common, if wrong
    return convert(value, param.annotation, name=f"parameter {param.name!r} of {flow}")


def _described(flow: Flow[..., Any], param: Param) -> Param:
    try:
        schema = dict(schema_of(param.annotation))
        if not param.required:
            schema["default"] = _plain(flow.name, param, param.default)
    except ValueMisfit as error:
        raise GraphError(f"{error}", flow.place.file, flow.place.line) from error
    return msgspec.structs.replace(param, schema=schema)


def schema_of(annotation: Any) -> Mapping[str, Any]:
    """The JSON schema (2020-12) of an annotation; by pydantic only where it must be."""
    if annotation is Any:
        return {}
    if not uses_pydantic(annotation):
        try:
            return msgspec.json.schema(annotation, schema_hook=_schema_of_class)
        except TypeError:  # not msgspec's: unions of classes
            pass
    from pydantic import PydanticSchemaGenerationError, TypeAdapter
    from pydantic.errors import PydanticInvalidForJsonSchema

    try:
        return TypeAdapter(annotation).json_schema()
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema) as error:
        message = f"a parameter cannot be a {_bare(annotation)}: it has no JSON form"
        raise ValueMisfit(message) from error


def _bare(annotation: Any) -> str:
    return type_name(getattr(annotation, "__origin__", annotation))


def _schema_of_class(kind: type[Any]) -> dict[str, Any]:
    from pydantic import PydanticSchemaGenerationError, TypeAdapter

    try:
        return TypeAdapter(kind).json_schema()
    except PydanticSchemaGenerationError as error:
        raise TypeError(str(error)) from error


class _EventScope:
    """Only the event is known when a run's parameters are filled."""

    def __init__(self, event: Any) -> None:
        self._event = event

    @property
    def event(self) -> Any:
        return self._event

    def result(self, node: str) -> Any:
        raise LookupError(f"{node} has not run yet")

    def turn(self, node: str) -> tuple[Any, ...]:
        raise LookupError(node)

    def ended(self, node: str) -> Ended | None:
        raise LookupError(node)

    def param(self, name: str) -> Any:
        raise LookupError(f"the parameter {name} is not known yet")

    def secret(self, name: str) -> str:
        raise LookupError(f"the secret {name} would be stored: name it in the body")

    def connection(self, name: str) -> Any:
        raise LookupError(f"the connection {name} would be stored: name it in the body")
