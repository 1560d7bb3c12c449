"""Steps into a value: `["k"]`, `.field` and `.get("k", default)`, taken at run time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from triphammer.flows.expr import Scope, resolve

_MISSING = object()
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Item:
    """`[key]`; on a struct, dataclass or model a text key is the field of that name."""

    key: Any

    def take(self, value: Any, scope: Scope) -> Any:
        key = resolve(self.key, scope)
        if isinstance(key, str) and not isinstance(value, Mapping):
            if (field := getattr(value, key, _MISSING)) is not _MISSING:
                return field
        try:
            return value[key]
        except (LookupError, TypeError) as error:
            raise _miss(value, f"[{key!r}]") from error

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@dataclass(frozen=True, slots=True)
class Field:
    """`.name`; on a mapping the item of that key."""

    name: str

    def take(self, value: Any, scope: Scope) -> Any:
        try:
            return value[self.name] if isinstance(value, Mapping) else getattr(value, self.name)
        except (LookupError, AttributeError) as error:
            raise _miss(value, f".{self.name}") from error

    def __str__(self) -> str:
        return f".{self.name}"


@dataclass(frozen=True, slots=True)
class Get:
    """`.get(key, default)`: the default where the key, the field or the value is missing."""

    key: Any
    default: Any

    def take(self, value: Any, scope: Scope) -> Any:
        key = resolve(self.key, scope)
        found = _MISSING
        if isinstance(value, Mapping):
            found = value.get(key, _MISSING)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - untyped JSON
        elif isinstance(key, str):
            found = getattr(value, key, _MISSING)
        elif isinstance(value, (list, tuple)) and isinstance(key, int):
            found = value[key] if -len(value) <= key < len(value) else _MISSING  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return resolve(self.default, scope) if found is _MISSING else found  # pyright: ignore[reportUnknownVariableType]

    def __str__(self) -> str:
        return f".get({self.key!r})" if self.default is None else self._long()

    def _long(self) -> str:
        return f".get({self.key!r}, {self.default!r})"


Step = Item | Field | Get


def follow(value: Any, steps: tuple[Step, ...], scope: Scope) -> Any:
    """`value` after all steps. Raises LookupError that names the step and what there is."""
    for step in steps:
        value = step.take(value, scope)
    return value


def templates(steps: tuple[Step, ...]) -> Iterator[Any]:
    """The keys and defaults in `steps`, which may be expressions."""
    for step in steps:
        if not isinstance(step, Field):
            yield step.key
        if isinstance(step, Get):
            yield step.default


def _miss(value: Any, step: str) -> LookupError:
    if isinstance(value, Mapping):
        keys = [repr(key) for key in value]  # pyright: ignore[reportUnknownVariableType]
        more = ", ..." if len(keys) > _SHOWN else ""
        there = f"; its keys: {', '.join(keys[:_SHOWN])}{more}" if keys else "; it is empty"
    elif isinstance(value, (list, tuple)):
        there = f"; it has {len(value)} items"  # pyright: ignore[reportUnknownArgumentType]
    else:
        there = ""
    return LookupError(f"no {step} in a {type(value).__name__}{there}")
