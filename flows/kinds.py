"""Questions about the kind of an untyped value, answered for type checkers too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard


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
