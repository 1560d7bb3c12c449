"""One path of a pattern and the alternatives asked of it, compiled to closures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from triphammer.config.patterns.clause import Clause, Condition
from triphammer.config.patterns.operators import Alternative
from triphammer.config.patterns.values import (
    MISSING,
    SCALARS,
    Find,
    Path,
    finder,
    is_object,
    leaves,
)
from triphammer.config.showing import short, shown

SHOWN = 3
"""So many of an event's values are shown where a pattern fails."""
LONGEST_PLACE, LONGEST_ASKED = 200, 1000


def leaf(path: Path, alternatives: Sequence[Alternative]) -> Condition:
    """Holds when any of the alternatives accepts any value at the path."""
    find = finder(path)
    holds = _closure(find, alternatives)
    asked = short(" or ".join(item.words for item in alternatives), LONGEST_ASKED)

    def why(event: Any) -> str | None:
        if holds(event):
            return None
        return f"{place_of(path)} is {_shown(find(event))}, asked for {asked}"

    return Condition(holds, why, _clause(path, alternatives))


def _closure(find: Find, alternatives: Sequence[Alternative]) -> Callable[[Any], bool]:
    accepts = _accepting(alternatives)
    absent = any(item.absent for item in alternatives)

    def holds(event: Any) -> bool:
        found = find(event)
        if type(found) in SCALARS:
            return accepts(found)
        empty = True
        for value in leaves(found):
            if accepts(value):
                return True
            empty = False
        return empty and absent

    return holds


def _accepting(alternatives: Sequence[Alternative]) -> Callable[[Any], bool]:
    exact = frozenset(_key(v) for item in alternatives for v in item.exact or ())
    tests = [item.test for item in alternatives if item.exact is None]
    if not exact:
        return _first_of(tests)
    others = _first_of(tests) if tests else None

    def accepts(value: Any) -> bool:
        try:
            if (value if type(value) is str else _key(value)) in exact:
                return True
        except TypeError:  # unhashable, so no plain value
            pass
        return others is not None and others(value)

    return accepts


def _first_of(tests: Sequence[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)


def _key(value: Any) -> Any:
    """JSON equality by hash: true is not 1."""
    return (value,) if isinstance(value, bool) else value


def _clause(path: Path, alternatives: Sequence[Alternative]) -> Clause | None:
    exact: list[Any] = []
    prefixes: list[str] = []
    intervals: list[tuple[float, float]] = []
    for item in alternatives:
        if item.exact is not None:
            exact += item.exact
        elif item.prefix is not None:
            prefixes.append(item.prefix)
        elif item.interval is not None:
            intervals.append(item.interval)
        else:
            return None
    return Clause(path, tuple(exact), tuple(prefixes), tuple(intervals))


def _shown(found: Any) -> str:
    if found is not MISSING and is_object(found):
        return "an object (patterns ask for the values in it)"
    values = list(leaves(found))
    if not values:
        return "missing"
    more = ", ..." if len(values) > SHOWN else ""
    return ", ".join(map(shown, values[:SHOWN])) + more


def place_of(path: Path) -> str:
    """The path as messages name it."""
    return short(".".join(path), LONGEST_PLACE)
