"""A pattern as sentences that a reader who never saw the pattern language understands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from triphammer.config.patterns.leaf import place_of
from triphammer.config.patterns.reading import OR
from triphammer.config.patterns.values import Path
from triphammer.config.showing import short, shown

Pattern = Mapping[str, Any]
LONGEST = 500
"""Of one sentence: authors list as many values as they like."""


def in_words(pattern: Pattern) -> list[str]:
    """What a pattern asks of an event, one sentence each; all of them must hold.

    The pattern is one that compiles: what it was made of is not checked again.
    """
    return [short(text, LONGEST) for text in _sentences(pattern, ())]


def _sentences(pattern: Pattern, above: Path) -> Iterator[str]:
    for name, value in pattern.items():
        path = (*above, name)
        if name == OR:
            yield _any_of(value, above)
        elif isinstance(value, Mapping):
            yield from _sentences(cast("Pattern", value), path)
        else:
            yield _leaf(path, value)


def _any_of(patterns: Sequence[Pattern], above: Path) -> str:
    ways = [list(_sentences(pattern, above)) for pattern in patterns]
    return ", or ".join(" and ".join(way) for way in ways)


def _leaf(path: Path, members: Sequence[Any]) -> str:
    return f"{place_of(path)} {_alternatives(members)}"


def _alternatives(members: Sequence[Any]) -> str:
    plain = [shown(member) for member in members if not isinstance(member, Mapping)]
    phrases = [f"is {' or '.join(plain)}"] if plain else []
    tables = (cast("Pattern", member) for member in members if isinstance(member, Mapping))
    phrases += [_operator(table) for table in tables]
    return " or ".join(phrases)


def _operator(member: Pattern) -> str:
    ((name, operand),) = member.items()
    return PHRASES[name](operand)


def _affix(verb: str, operand: Any) -> str:
    if isinstance(operand, Mapping):
        table = cast("Pattern", operand)
        return f"{verb} {shown(table['equals-ignore-case'])} in any case"
    return f"{verb} {shown(operand)}"


def _anything_but(operand: Any) -> str:
    if isinstance(operand, Mapping):
        ((name, inner),) = cast("Pattern", operand).items()
        return " and ".join(NEGATED[name](one) for one in _listed(inner))
    return f"is not {' or '.join(map(shown, _listed(operand)))}"


def _listed(operand: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", operand) if isinstance(operand, (list, tuple)) else (operand,)


def _numeric(operand: Sequence[Any]) -> str:
    pairs = zip(operand[::2], operand[1::2], strict=True)
    return "is " + " and ".join(f"{COMPARED[sign]} {shown(number)}" for sign, number in pairs)


COMPARED: Mapping[str, str] = {
    "=": "equal to",
    "<": "less than",
    "<=": "at most",
    ">": "more than",
    ">=": "at least",
}
PHRASES: Mapping[str, Callable[[Any], str]] = {
    "prefix": lambda operand: _affix("begins with", operand),
    "suffix": lambda operand: _affix("ends with", operand),
    "equals-ignore-case": lambda operand: f"is {shown(operand)} in any case",
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": lambda operand: "is there" if operand else "is not there",
    "cidr": lambda operand: f"is an address in {operand}",
    "wildcard": lambda operand: f"is like {shown(operand)}",
    "regex": lambda operand: f"matches /{operand}/",
}
"""By operator; a test compares the names with those of the language."""
NEGATED: Mapping[str, Callable[[Any], str]] = {
    "prefix": lambda operand: _affix("does not begin with", operand),
    "suffix": lambda operand: _affix("does not end with", operand),
    "equals-ignore-case": lambda operand: f"is not {shown(operand)} in any case",
    "wildcard": lambda operand: f"is not like {shown(operand)}",
}
