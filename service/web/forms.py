"""A form of HTML for what a JSON schema describes: its fields, and what was filled in read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

Kind = Literal["text", "number", "choice", "json"]
NO_FAULTS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `value` is what it shows, `hint` what an empty one stands for, `choices` what
    there is to choose from (none: free), `fault` what was wrong with it."""

    name: str
    kind: Kind
    value: str
    hint: str
    description: str
    required: bool
    choices: tuple[str, ...] = ()
    fault: str = ""


def fields(
    schema: Mapping[str, Any], given: Mapping[str, str], faults: Mapping[str, str]
) -> list[Field]:
    """A field for each property of `schema`; `given` is what they held when they were sent."""
    return [
        _field(name, schema, given.get(name, ""), faults.get(name, ""))
        for name in schema["properties"]
    ]


def read_form(schema: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The values of a form that was sent. A field that is left empty gives none."""
    values: dict[str, Any] = {}
    for name, text in given.items():
        kind = _kind_of(_property(schema, name)) if name in schema["properties"] else "text"
        if text:
            values[name] = _parsed(text) if kind == "json" else text
    return values


def _field(name: str, schema: Mapping[str, Any], value: str, fault: str) -> Field:
    described = _property(schema, name)
    default = described.get("default")
    return Field(
        name=name,
        kind=_kind_of(described),
        value=value,
        hint="" if "default" not in described else _text(default),
        description=described.get("description", ""),
        required=name in schema["required"],
        choices=_choices(described),
        fault=fault,
    )


def _property(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema["properties"][name]
    target = found.get("$ref", "").removeprefix("#/$defs/")
    return {**schema.get("$defs", {}).get(target, {}), **found}


def _kind_of(described: Mapping[str, Any]) -> Kind:
    kinds = {one.get("type") for one in _ways(described)} - {"null"}
    if _choices(described):
        return "choice"
    if "string" in kinds:  # what could be a text is one, whatever else it might be
        return "text"
    return "number" if kinds and kinds <= {"integer", "number"} else "json"


def _ways(described: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    ways: Sequence[Mapping[str, Any]] = described.get("anyOf", (described,))
    return ways


def _choices(described: Mapping[str, Any]) -> tuple[str, ...]:
    if described.get("type") == "boolean":
        return ("true", "false")
    enum: Sequence[Any] = described.get("enum", ())
    return tuple(map(_text, enum)) if all(isinstance(one, (str, int)) for one in enum) else ()


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:  # it will not fit, and be named
        return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
