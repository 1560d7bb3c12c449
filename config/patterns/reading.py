"""Reads a pattern as users write it, and refuses what could never mean anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, cast

from triphammer.config.errors import PatternError
from triphammer.config.patterns.clause import Condition
from triphammer.config.patterns.compiled import Compiled, any_of
from triphammer.config.patterns.leaf import leaf
from triphammer.config.patterns.operators import OPERATORS, alternative
from triphammer.config.patterns.values import FIELDS, Path

OR = "$or"
NESTED = ("data", "headers")
"""The attributes that have members; all others are plain values."""
NEVER: Mapping[str, str] = {
    "specversion": "leave it out, every event is of version 1.0",
    "extensions": "name an extension attribute itself, at the root",
}


def compile_pattern(pattern: Mapping[str, Any]) -> Compiled:
    """The compiled form of `pattern`. Raises `PatternError` naming the path and the cure."""
    return Compiled(list(_conditions(_mapping(pattern, "the pattern"), ())))


def _conditions(pattern: Mapping[str, Any], above: Path) -> Iterator[Condition]:
    for name, value in pattern.items():
        if name == OR:
            yield _any_of(value, above)
            continue
        if not above:
            _check_root(name)
        path = (*above, name.lower() if above == ("headers",) else name)
        if isinstance(value, Mapping):
            table = _mapping(value, ".".join(path))
            _check_nesting(path, table)
            yield from _conditions(table, path)
        else:
            yield _leaf(path, value)


def _any_of(value: Any, above: Path) -> Condition:
    place = ".".join((*above, OR))
    if not isinstance(value, (list, tuple)) or not value:
        raise PatternError(f"{place} takes a list of patterns, got {value!r}")
    tables = [_mapping(v, f"{place}[{n}]") for n, v in enumerate(cast("list[Any]", value))]
    return any_of([Compiled(list(_conditions(table, above))) for table in tables])


def _leaf(path: Path, value: Any) -> Condition:
    place = ".".join(path)
    if not isinstance(value, (list, tuple)):
        raise PatternError(f"{place}: values are always lists; write [{value!r}]")
    members = cast("list[Any]", value)
    if not members:
        raise PatternError(f"{place}: an empty list would never match; name the values to accept")
    if len(path) == 1 and path[0] == "headers":
        raise PatternError(f'{place} are an object; write {{"x-name": {value!r}}}')
    return leaf(path, tuple(alternative(member, place) for member in members))


def _check_nesting(path: Path, value: Mapping[str, Any]) -> None:
    place = ".".join(path)
    if _is_operator(value):
        raise PatternError(f"{place}: values are always lists; write [{dict(value)!r}]")
    if path[0] not in NESTED or (path[0] == "headers" and len(path) > 1):
        raise PatternError(f"{place} is a plain value: give a list of what to accept")


def _is_operator(value: Mapping[str, Any]) -> bool:
    """Whether a mapping in place of a list is an operator whose brackets were forgotten."""
    if len(value) != 1 or next(iter(value)) not in OPERATORS:
        return False
    try:
        alternative(value, "")
    except PatternError:
        return False
    return True


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise PatternError(f"{place} must be a mapping, got {value!r}")
    table = cast("dict[Any, Any]", value)
    if not table:
        raise PatternError(f"{place} is empty: name a condition, or leave it out")
    for name in table:
        if not isinstance(name, str):
            raise PatternError(f"{place}: names are text, got {name!r}")
    return cast("dict[str, Any]", table)


def _check_root(name: str) -> None:
    """Extension names are lower-case letters and digits (CloudEvents 1.0, naming)."""
    if name in FIELDS:
        return
    wrong = f"there is no {name!r} at the root of an event"
    if name in NEVER:
        raise PatternError(f"{wrong}: {NEVER[name]}")
    # `id` is too short to be guessed at: uid and pid are good names of extensions.
    near = get_close_matches(name.lower(), [field for field in FIELDS if field != "id"], 1, 0.75)
    if near:
        raise PatternError(f"{wrong}; did you mean {near[0]}?")
    if not (name.isascii() and name.isalnum() and name == name.lower()):
        raise PatternError(f"{wrong}: there are {', '.join(FIELDS)} and extension attributes")
