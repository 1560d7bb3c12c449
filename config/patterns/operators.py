"""The operators of a leaf: each is made into a test of one value.

Source of their meaning: Amazon EventBridge, "Comparison operators"; `regex` is our own.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from ipaddress import ip_address, ip_network
from itertools import islice
from math import inf, isfinite
from typing import Any, cast

from triphammer.config.errors import PatternError
from triphammer.config.showing import short, shown

Test = Callable[[Any], bool]
Place = str


@dataclass(frozen=True, slots=True)
class Alternative:
    """One member of a leaf's list: a test of a value, in words, and what an index may use.

    `absent` is true for `{"exists": false}`, which holds when there is no value at all.
    """

    test: Test
    words: str
    exact: tuple[Any, ...] | None = None
    prefix: str | None = None
    interval: tuple[float, float] | None = None
    absent: bool = False


def alternative(member: Any, place: Place) -> Alternative:
    """The test that one member of a leaf's list stands for. Raises `PatternError`."""
    if not isinstance(member, Mapping):
        return _exact(member, place)
    table = cast("Mapping[str, Any]", member)
    if len(table) != 1:
        raise PatternError(
            f"{place}: an operator is a mapping with one name, got {_names(table)}; "
            "several in the list are alternatives"
        )
    ((name, operand),) = table.items()
    make = OPERATORS.get(name)
    if make is None:
        near = get_close_matches(str(name), OPERATORS, 1)
        cure = f"did you mean {near[0]}?" if near else f"known are {', '.join(OPERATORS)}"
        raise PatternError(f"{place}: there is no operator {shown(name)}; {cure}")
    return make(operand, f"{place}.{name}")


NAMED = 8


def _names(table: Mapping[Any, Any]) -> str:
    return ", ".join(shown(name) for name in islice(table, NAMED)) or "none"


def same(one: Any, other: Any) -> bool:
    """JSON equality: true is not 1. Numbers are equal by value, 300 is 300.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def _is(expected: Any, value: Any) -> bool:
    return same(value, expected)


def _exact(expected: Any, place: Place) -> Alternative:
    if expected is not None and not isinstance(expected, (str, int, float, bool)):
        raise PatternError(
            f"{place}: {shown(expected)} is neither text, number, true, false, null nor an operator"
        )
    if isinstance(expected, float) and not isfinite(expected):
        raise PatternError(f"{place}: {shown(expected)} is no number that an event can hold")
    return Alternative(partial(_is, expected), shown(expected), exact=(expected,))


def _text(operand: Any, place: Place) -> str:
    if not isinstance(operand, str):
        raise PatternError(f"{place} takes text, got {shown(operand)}")
    return operand


def _affix(operand: Any, place: Place, *, end: bool) -> Alternative:
    name = "suffix" if end else "prefix"
    if isinstance(operand, Mapping):
        table = cast("Mapping[str, Any]", operand)
        if set(table) != {"equals-ignore-case"}:
            raise PatternError(f"{place} takes text or equals-ignore-case, got {_names(table)}")
        folded = _text(table["equals-ignore-case"], place).casefold()
        test = partial(_affix_folded, folded, end)
        return Alternative(test, f"{name} {shown(folded)}, ignoring case")
    text = _text(operand, place)
    test = partial(_ends if end else _begins, text)
    return Alternative(test, f"{name} {shown(text)}", prefix=None if end else text)


def _begins(text: str, value: Any) -> bool:
    return isinstance(value, str) and value.startswith(text)


def _ends(text: str, value: Any) -> bool:
    return isinstance(value, str) and value.endswith(text)


def _affix_folded(text: str, end: bool, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    folded = value.casefold()
    return folded.endswith(text) if end else folded.startswith(text)


def _prefix(operand: Any, place: Place) -> Alternative:
    return _affix(operand, place, end=False)


def _suffix(operand: Any, place: Place) -> Alternative:
    return _affix(operand, place, end=True)


def _equals_folded(folded: str, value: Any) -> bool:
    return isinstance(value, str) and value.casefold() == folded


def _ignore_case(operand: Any, place: Place) -> Alternative:
    text = _text(operand, place)
    return Alternative(partial(_equals_folded, text.casefold()), f"{shown(text)}, ignoring case")


def _none_of(tests: Sequence[Test], value: Any) -> bool:
    return not any(test(value) for test in tests)


NESTED = ("prefix", "suffix", "equals-ignore-case", "wildcard")


def _anything_but(operand: Any, place: Place) -> Alternative:
    if isinstance(operand, Mapping):
        table = cast("Mapping[str, Any]", operand)
        if len(table) != 1 or next(iter(table)) not in NESTED:
            raise PatternError(f"{place} takes values or one of {', '.join(NESTED)}")
        ((name, inner),) = table.items()
        listed: list[Any] = inner if isinstance(inner, list) else [inner]  # pyright: ignore[reportUnknownVariableType] - untyped JSON
        members = [OPERATORS[name](item, f"{place}.{name}") for item in listed]
    else:
        values: list[Any] = operand if isinstance(operand, list) else [operand]  # pyright: ignore[reportUnknownVariableType] - untyped JSON
        members = [_exact(value, place) for value in values]
    if not members:
        raise PatternError(f"{place} is empty: it would hold for everything")
    words = "anything but " + " or ".join(member.words for member in members)
    return Alternative(partial(_none_of, [member.test for member in members]), words)


NUMBERS = frozenset({int, float})
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _number(value: Any) -> bool:
    return type(value) in NUMBERS


def _is_bound(sign: Any, number: Any) -> bool:
    if not isinstance(sign, str) or sign not in COMPARISONS:
        return False
    return type(number) is int or (type(number) is float and isfinite(number))


def _bounded(pairs: Sequence[tuple[str, float]]) -> Test:
    (first, bound), *rest = ((COMPARISONS[sign], number) for sign, number in pairs)
    if not rest:
        return lambda value: _number(value) and first(value, bound)
    ((second, other),) = rest
    return lambda value: _number(value) and first(value, bound) and second(value, other)


def _numeric(operand: Any, place: Place) -> Alternative:
    listed: list[Any] = operand if isinstance(operand, list) else []  # pyright: ignore[reportUnknownVariableType] - untyped JSON
    pairs = list(zip(listed[::2], listed[1::2], strict=False))
    if len(listed) not in (2, 4) or not all(_is_bound(sign, number) for sign, number in pairs):
        given = shown(operand)  # pyright: ignore[reportUnknownArgumentType] - untyped JSON
        raise PatternError(f'{place} takes ["<", 10] or [">", 0, "<=", 5], got {given}')
    low = max((n for sign, n in pairs if sign in ("=", ">", ">=")), default=-inf)
    high = min((n for sign, n in pairs if sign in ("=", "<", "<=")), default=inf)
    words = " and ".join(f"{sign} {shown(number)}" for sign, number in pairs)
    # A range that nothing can be in (low above high) has no interval to look up.
    interval = (low, high) if low <= high else None
    return Alternative(_bounded(pairs), words, interval=interval)


def _present(value: Any) -> bool:
    return True


def _never(value: Any) -> bool:
    return False


def _exists(operand: Any, place: Place) -> Alternative:
    if not isinstance(operand, bool):
        raise PatternError(f"{place} takes true or false, got {shown(operand)}")
    if operand:
        return Alternative(_present, "any value")
    return Alternative(_never, "no value", absent=True)


def _in_network(network: Any, value: Any) -> bool:
    try:
        # A number would be taken for an address, too.
        return isinstance(value, str) and ip_address(value) in network
    except ValueError:
        return False


def _cidr(operand: Any, place: Place) -> Alternative:
    text = _text(operand, place)
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise PatternError(
            f"{place}: {shown(text)} is no network such as 10.0.0.0/8 or 2001:db8::/32"
        ) from None
    return Alternative(partial(_in_network, network), f"an address in {text}")


def _matches(regex: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and regex.search(value) is not None


_STARS = re.compile(r"\\([*\\])|(\*+)|([^*\\]+|\\)")


def _wildcard(operand: Any, place: Place) -> Alternative:
    text = _text(operand, place)
    pieces = [""]
    for escaped, stars, plain in _STARS.findall(text):
        if stars:
            pieces.append("")
        else:
            pieces[-1] += escaped or plain
    return Alternative(partial(_like, tuple(pieces)), f"like {shown(text)}")


def _like(pieces: Sequence[str], value: Any) -> bool:
    """Whether the pieces follow each other in the text, the outer ones at its ends.

    The leftmost place of a piece is always a right one: no expression that goes back to try
    others, for which a sender could find a text that takes it for ever.
    """
    if not isinstance(value, str):
        return False
    first, *inner = pieces
    if not inner:
        return value == first
    last = inner.pop()
    at, end = len(first), len(value) - len(last)
    if at > end or not value.startswith(first) or not value.endswith(last):
        return False
    for piece in inner:
        found = value.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _regex(operand: Any, place: Place) -> Alternative:
    text = _text(operand, place)
    try:
        regex = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        reason = short(str(error))
        raise PatternError(f"{place}: {shown(text)} is no regular expression: {reason}") from None
    return Alternative(partial(_matches, regex), f"matching /{text}/")


OPERATORS: Mapping[str, Callable[[Any, Place], Alternative]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignore_case,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
    "cidr": _cidr,
    "wildcard": _wildcard,
    "regex": _regex,
}
