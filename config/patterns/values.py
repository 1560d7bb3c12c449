"""Finds the values at a path of an event; the event may be a struct or plain mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

Path = tuple[str, ...]

ATTRIBUTES = frozenset({"id", "source", "type", "subject", "time", "data", "headers"})
"""The names at the root of an event; other names are extension attributes."""


def values_at(event: Any, path: Path) -> Iterator[Any]:
    """Every value at `path`: elements of arrays one by one, arrays of objects walked through.

    Nothing is yielded where the path leads nowhere. A null value is yielded as None.
    """
    found, value = _root(event, path[0])
    if found:
        yield from _walk(value, path, 1)


def _root(event: Any, name: str) -> tuple[bool, Any]:
    if isinstance(event, Mapping):
        table = cast("Mapping[str, Any]", event)
        return name in table, table.get(name)
    if name in ATTRIBUTES:
        return True, getattr(event, name)
    extensions: Mapping[str, Any] = event.extensions
    return name in extensions, extensions.get(name)


def _walk(value: Any, path: Path, at: int) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in cast("list[Any]", value):
            yield from _walk(item, path, at)
    elif at == len(path):
        yield value
    elif isinstance(value, Mapping):
        table = cast("Mapping[str, Any]", value)
        if path[at] in table:
            yield from _walk(table[path[at]], path, at + 1)
