"""Finds the values at a path of an event; the event may be a struct or plain mappings.

As Amazon EventBridge documents it, a pattern speaks of leaves: texts, numbers, true, false and
null. An array stands for each of its elements, and a path leads through arrays of objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from pydantic import BaseModel

Path = tuple[str, ...]
Find = Callable[[Any], Any]

FIELDS: Mapping[str, str] = {
    "id": "id",
    "source": "source",
    "type": "type",
    "subject": "subject",
    "time": "time",
    "data": "data",
    "headers": "headers",
    "datacontenttype": "content_type",
    "dataschema": "schema",
}
"""The names at the root of an event and the field each has in the struct; any other name is an
extension attribute."""

SCALARS = frozenset({str, int, float, bool, type(None)})
MISSING: Any = object()
"""What a path finds that leads nowhere; never a value of an event."""


def finder(path: Path) -> Find:
    """A function that finds what stands at `path` of an event: a value, a list, or `MISSING`.

    Header names in `path` are in lower case.
    """
    root, rest = _root(path[0]), path[1:]
    if not rest:
        return root
    step = _header if path[0] == "headers" else _step
    if len(rest) == 1:
        name = rest[0]
        return lambda event: step(root(event), name)

    def find(event: Any) -> Any:
        value = root(event)
        for name in rest:
            value = step(value, name)
        return value

    return find


def leaves(found: Any) -> Iterator[Any]:
    """The leaves in what a finder found: none for `MISSING` and objects, times as text."""
    if type(found) in SCALARS:
        yield found
        return
    listed = cast("list[Any]", found) if isinstance(found, (list, tuple)) else (found,)
    for value in _flat(listed):
        if type(value) in SCALARS:
            yield value
        elif isinstance(value, datetime):
            yield _time_text(value)
        elif value is not MISSING and not is_object(value):
            yield value


def values_at(path: Path) -> Callable[[Any], Iterator[Any]]:
    """A function that yields every leaf at `path` of an event.

    Nothing for a path that leads nowhere; null is yielded as None.
    """
    find = finder(path)
    return lambda event: leaves(find(event))


def is_object(value: Any) -> bool:
    """Whether `value` has members of its own: a mapping, or what typed event data is made of."""
    return isinstance(value, (Mapping, msgspec.Struct, BaseModel)) or (
        is_dataclass(value) and not isinstance(value, type)
    )


def _root(name: str) -> Find:
    field = FIELDS.get(name)
    if field is None:
        return lambda event: _extension(event, name)

    def get(event: Any) -> Any:
        try:
            value = getattr(event, field)
        except AttributeError:
            return event.get(name, MISSING)
        # An attribute that an event does not have is None in the struct; data may be null.
        return MISSING if value is None and name != "data" else value

    return get


def _extension(event: Any, name: str) -> Any:
    if not isinstance(event, Mapping):
        return event.extensions.get(name, MISSING)
    table = cast("Mapping[str, Any]", event)
    return table[name] if name in table else table.get("extensions", {}).get(name, MISSING)


def _step(value: Any, name: str) -> Any:
    if type(value) is dict:
        return cast("dict[str, Any]", value).get(name, MISSING)
    if isinstance(value, (list, tuple)):
        return [_step(item, name) for item in _flat(cast("list[Any]", value))]
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value).get(name, MISSING)
    return getattr(value, name, MISSING) if name in _members(value) else MISSING


def _members(value: Any) -> tuple[str, ...]:
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    if isinstance(value, BaseModel):
        return tuple(type(value).model_fields)
    if is_dataclass(value):
        return tuple(field.name for field in fields(value))
    return ()


def _header(value: Any, name: str) -> Any:
    """Header names are case-insensitive (RFC 9110, section 5.1), in plain mappings too."""
    if type(value) is not dict:
        return MISSING if value is MISSING else value.get(name, MISSING)
    table = cast("dict[str, Any]", value)
    return next((item for key, item in table.items() if key.lower() == name), MISSING)


def _flat(values: Sequence[Any]) -> Iterable[Any]:
    """The elements of an array; an array among them stands for its own elements."""
    return _deep(values) if any(isinstance(v, (list, tuple)) for v in values) else values


def _deep(values: Sequence[Any]) -> Iterator[Any]:
    """A stack of our own instead of recursion: senders choose the depth."""
    stack = [iter(values)]
    while stack:
        for value in stack[-1]:
            if isinstance(value, (list, tuple)):
                stack.append(iter(cast("list[Any]", value)))
                break
            yield value
        else:
            stack.pop()


def _time_text(time: datetime) -> str:
    """As in the event's JSON form: RFC 3339, UTC, with `Z`."""
    return time.astimezone(UTC).isoformat()[:-6] + "Z" if time.tzinfo else time.isoformat()
