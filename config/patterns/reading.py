"""Reads a pattern as users write it, and refuses what could never mean anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, cast

from triphammer.config.errors import PatternError
from triphammer.config.nesting import deeper_than
from triphammer.config.patterns.clause import Condition
from triphammer.config.patterns.compiled import Compiled, any_of
from triphammer.config.patterns.leaf import leaf, place_of
from triphammer.config.patterns.operators import OPERATORS, alternative
from triphammer.config.patterns.values import FIELDS, Path
from triphammer.config.showing import shown

OR = "$or"
DEEPEST = 100
"""A pattern is read and asked recursively."""
NESTED = ("data", "headers")
"""The attributes that have members; all others are plain values."""
NEVER: Mapping[str, str] = {
    "specversion": "leave it out, every event is of version 1.0",
    "extensions": "name an extension attribute itself, at the root",
}


def compile_pattern(pattern: Mapping[str, Any]) -> Compiled:
    """The compiled form of `pattern`. Raises `PatternError` naming the path and the cure."""
    if deeper_than(DEEPEST, pattern):
        raise PatternError(f"the pattern nests more than {DEEPEST} lists and mappings")
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
            table = _mapping(value, place_of(path))
            _check_nesting(path, table)
            yield from _conditions(table, path)
        else:
            yield _leaf(path, value)


def _any_of(value: Any, above: Path) -> Condition:
    place = place_of((*above, OR))
    listed = cast("list[Any]", value) if isinstance(value, (list, tuple)) else []
    if not listed:
        given = shown(value)  # pyright: ignore[reportUnknownArgumentType] - untyped JSON
        raise PatternError(f"{place} takes a list of patterns, got {given}")
    tables = [_mapping(table, f"{place}[{number}]") for number, table in enumerate(listed)]
    return any_of([Compiled(list(_conditions(table, above))) for table in tables])


def _leaf(path: Path, value: Any) -> Condition:
    place = place_of(path)
    if not isinstance(value, (list, tuple)):
        raise PatternError(f"{place}: values are always lists; write [{shown(value)}]")
    members = cast("list[Any]", value)
    if not members:
        raise PatternError(f"{place}: an empty list would never match; name the values to accept")
    if len(path) == 1 and path[0] == "headers":
        raise PatternError(f'{place} are an object; write {{"x-name": {shown(members)}}}')
    return leaf(path, tuple(alternative(member, place) for member in members))


def _check_nesting(path: Path, value: Mapping[str, Any]) -> None:
    place = place_of(path)
    if _is_operator(value):
        raise PatternError(f"{place}: values are always lists; write [{shown(dict(value))}]")
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
        raise PatternError(f"{place} must be a mapping, got {shown(value)}")
    table = cast("dict[Any, Any]", value)
    if not table:
        raise PatternError(f"{place} is empty: name a condition, or leave it out")
    for name in table:
        if not isinstance(name, str):
            raise PatternError(f"{place}: names are text, got {shown(name)}")
    return cast("dict[str, Any]", table)


def _check_root(name: str) -> None:
    """Extension names are lower-case letters and digits (CloudEvents 1.0, naming)."""
    if name in FIELDS:
        return
    wrong = f"there is no {shown(name)} at the root of an event"
    if name in NEVER:
        raise PatternError(f"{wrong}: {NEVER[name]}")
    # `id` is too short to be guessed at: uid and pid are good names of extensions.
    near = get_close_matches(name.lower(), [field for field in FIELDS if field != "id"], 1, 0.75)
    if near:
        raise PatternError(f"{wrong}; did you mean {near[0]}?")
    if not (name.isascii() and name.isalnum() and name == name.lower()):
        raise PatternError(f"{wrong}: there are {', '.join(FIELDS)} and extension attributes")
