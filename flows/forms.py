"""Forms that a person fills in: models, dataclasses or structs, as schemas and with values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from triphammer.flows.codec import convert, to_plain
from triphammer.flows.errors import FormMisfit, ValueMisfit
from triphammer.flows.kinds import field_names, is_array
from triphammer.flows.params import schema_of
from triphammer.flows.references import suggest

_AT = re.compile(r"at `\$\.(\w+)")
_MISSING = re.compile(r"missing required field `(\w+)`")


def form_schema(kind: Any) -> dict[str, Any]:
    """The JSON schema of a form, an object with `properties` and `required`.

    Raises `ValueMisfit` for what has no fields, or no JSON form.
    """
    if not field_names(kind):
        raise ValueMisfit("a form is a pydantic model, a dataclass or a msgspec struct")
    schema = dict(schema_of(kind))
    shared: Mapping[str, Any] = schema.pop("$defs", {})
    name = str(schema.pop("$ref", "")).removeprefix("#/$defs/")
    whole: dict[str, Any] = {"properties": {}, "required": [], **shared.get(name, {}), **schema}
    rest = {key: body for key, body in shared.items() if key != name}
    return {**whole, "$defs": rest} if rest else whole


def form_values(kind: Any, given: Mapping[str, Any]) -> Any:
    """What was filled in, as JSON's own types, with all fields of the form.

    Texts given for numbers and booleans are read as such. Raises `FormMisfit` naming the fields
    that are unknown, missing or do not fit.
    """
    known = form_schema(kind)["properties"]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise FormMisfit({n: f"the form has no field {n!r}{suggest(n, known)}" for n in unknown})
    try:
        return to_plain(_typed(kind, given))
    except ValueMisfit as error:
        raise FormMisfit(_faults(error)) from error


def _typed(kind: Any, given: Mapping[str, Any]) -> Any:
    try:
        return convert(dict(given), kind, name="the form")
    except ValueMisfit:
        if not any(isinstance(value, str) for value in given.values()):
            raise
        try:  # command lines and HTML give texts
            return msgspec.convert(dict(given), kind, strict=False)
        except (TypeError, ValueError):
            pass
        raise


def _faults(error: ValueMisfit) -> dict[str, str]:
    """What is wrong by field; what is about none of them is under ""."""
    cause: BaseException | None = error
    while cause is not None:  # the model's own error knows all that is wrong
        told: Any = getattr(cause, "errors", None)
        if callable(told):
            return {_field(one): str(one["msg"]) for one in _listed(told())}
        cause = cause.__cause__
    found = _AT.search(str(error)) or _MISSING.search(str(error))
    return {"" if found is None else found[1]: str(error)}


def _listed(found: Any) -> list[Any]:
    return list(found) if is_array(found) else []


def _field(one: Any) -> str:
    place = one.get("loc", ())
    return str(place[0]) if place else ""
