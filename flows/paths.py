"""Steps into a value: `["k"]`, `.field` and `.get("k", default)`, taken at run time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from triphammer.flows.expr import Scope, resolve
from triphammer.flows.kinds import class_of, is_array, is_mapping

_MISSING = object()
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Item:
    """`[key]`; on a struct, dataclass or model a text key is the field of that name."""

    key: Any

    def take(self, value: Any, scope: Scope) -> Any:
        key = resolve(self.key, scope)
        named = isinstance(key, str) and not is_mapping(value)
        if named and (field := getattr(value, key, _MISSING)) is not _MISSING:
            return field
        try:
            return value[key]
        except (LookupError, TypeError):
            raise _miss(value, f"[{key!r}]") from None

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@dataclass(frozen=True, slots=True)
class Field:
    """`.name`; on a mapping the item of that key."""

    name: str

    def take(self, value: Any, scope: Scope) -> Any:
        try:
            return value[self.name] if is_mapping(value) else getattr(value, self.name)
        except (LookupError, AttributeError):
            raise _miss(value, f".{self.name}") from None

    def __str__(self) -> str:
        return f".{self.name}"


@dataclass(frozen=True, slots=True)
class Get:
    """`.get(key, default)`: the default where the key, the field or the value is missing."""

    key: Any
    default: Any

    def take(self, value: Any, scope: Scope) -> Any:
        key = resolve(self.key, scope)
        found: Any = _MISSING
        if is_mapping(value):
            found = value.get(key, _MISSING)
        elif isinstance(key, str):
            found = getattr(value, key, _MISSING)
        elif is_array(value) and isinstance(key, int):
            found = value[key] if -len(value) <= key < len(value) else _MISSING
        return resolve(self.default, scope) if found is _MISSING else found

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
    if is_mapping(value):
        keys = [repr(key) for key in value]
        more = ", ..." if len(keys) > _SHOWN else ""
        there = f"; its keys: {', '.join(keys[:_SHOWN])}{more}" if keys else "; it is empty"
    elif is_array(value):
        there = f"; it has {len(value)} items"
    else:
        there = ""
    return LookupError(f"no {step} in a {class_of(value).__name__}{there}")
