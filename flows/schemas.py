"""The parameters of a flow as one JSON schema (2020-12): for forms and for those who start runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triphammer.flows.graph import FlowDef
from triphammer.flows.kinds import is_array, is_mapping

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFS = "#/$defs/"


def params_schema(flow: FlowDef) -> dict[str, Any]:
    """What `params` of a start of `flow` may be: an object with a property for each parameter.

    Required are those that have neither a default nor a value from the event (`params=`).
    """
    shared = _Shared()
    properties = {name: shared.moved(param.schema, name) for name, param in flow.params.items()}
    needed = [p.name for p in flow.params.values() if p.required and p.name not in flow.fill]
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "title": flow.name,
        "type": "object",
        "properties": properties,
        "required": needed,
        "additionalProperties": False,
    }
    return {**schema, "$defs": shared.defs} if shared.defs else schema


class _Shared:
    """Definitions of all parameters in one place: references count from the root of a schema."""

    def __init__(self) -> None:
        self.defs: dict[str, Any] = {}

    def moved(self, schema: Mapping[str, Any], owner: str) -> dict[str, Any]:
        """`schema` without definitions of its own; they are kept under names that are free."""
        found = dict(_definitions(schema))
        names = {name: self._free(name, body, owner) for name, body in found.items()}
        for name, body in found.items():
            self.defs[names[name]] = _renamed(body, names)
        moved: dict[str, Any] = _renamed(schema, names)
        return moved

    def _free(self, name: str, body: Any, owner: str) -> str:
        taken = self.defs.get(name)
        return name if taken is None or taken == _renamed(body, {}) else f"{owner}.{name}"


def _definitions(value: Any) -> list[tuple[str, Any]]:
    """All definitions in a schema, those inside definitions too."""
    inner = list(value.values()) if is_mapping(value) else value if is_array(value) else []
    own = list(value.get("$defs", {}).items()) if is_mapping(value) else []
    return own + [pair for item in inner for pair in _definitions(item)]


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if is_mapping(value):
        return {
            key: _reference(item, names) if key == "$ref" else _renamed(item, names)
            for key, item in value.items()
            if key != "$defs"
        }
    return [_renamed(item, names) for item in value] if is_array(value) else value


def _reference(target: Any, names: Mapping[str, str]) -> Any:
    if isinstance(target, str) and target.startswith(_DEFS):
        name = target.removeprefix(_DEFS)
        return f"{_DEFS}{names.get(name, name)}"
    return target
