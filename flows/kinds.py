"""Questions about the kind of an untyped value, answered for type checkers too."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeGuard

import msgspec


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether `value` is a mapping of anything."""
    return isinstance(value, Mapping)


def is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    """Whether `value` is a dict of anything."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Whether `value` is a list or a tuple of anything."""
    return isinstance(value, (list, tuple))


def is_set(value: object) -> TypeGuard[set[Any] | frozenset[Any]]:
    """Whether `value` is a set of anything."""
    return isinstance(value, (set, frozenset))


def is_class(value: object) -> TypeGuard[type[Any]]:
    """Whether `value` is a class."""
    return isinstance(value, type)


def class_of(value: Any) -> type[Any]:
    """The class of `value`."""
    return type(value)  # pyright: ignore[reportUnknownVariableType] - of Any it is unknown


def field_names(kind: Any) -> tuple[str, ...]:
    """The fields of a struct, dataclass or model; empty for anything else."""
    if not is_class(kind):
        return ()
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_fields__
    fields: Any = getattr(kind, "model_fields", ())
    return tuple(fields)
