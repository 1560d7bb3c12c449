"""Compiles a pattern into tests that are asked in order, the cheap ones first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol, cast

from triphammer.config.errors import PatternError
from triphammer.config.patterns.clause import Clause
from triphammer.config.patterns.operators import Alternative, alternative
from triphammer.config.patterns.values import ATTRIBUTES, Path, values_at

OR = "$or"
_KNOWN = sorted(ATTRIBUTES)


class _Condition(Protocol):
    def holds(self, event: Any) -> bool: ...
    def why(self, event: Any) -> str | None: ...
    def clause(self) -> Clause | None: ...


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One path and its alternatives: any value at the path that any of them accepts."""

    path: Path
    alternatives: tuple[Alternative, ...]

    def holds(self, event: Any) -> bool:
        found = False
        for value in values_at(event, self.path):
            found = True
            for item in self.alternatives:
                if item.test(value):
                    return True
        return not found and any(item.absent for item in self.alternatives)

    def why(self, event: Any) -> str | None:
        if self.holds(event):
            return None
        values = list(values_at(event, self.path))
        shown = ", ".join(repr(v) for v in values[:3]) if values else "missing"
        asked = " or ".join(item.words for item in self.alternatives)
        return f"{'.'.join(self.path)} is {shown}, asked for {asked}"

    def clause(self) -> Clause | None:
        exact: list[Any] = []
        prefixes: list[str] = []
        intervals: list[tuple[float, float]] = []
        for item in self.alternatives:
            if item.exact is not None:
                exact += item.exact
            elif item.prefix is not None:
                prefixes.append(item.prefix)
            elif item.interval is not None:
                intervals.append(item.interval)
            else:
                return None
        return Clause(self.path, tuple(exact), tuple(prefixes), tuple(intervals))


@dataclass(frozen=True, slots=True)
class _AnyOf:
    """`$or`: one of several patterns must hold."""

    patterns: tuple[Compiled, ...]

    def holds(self, event: Any) -> bool:
        return any(pattern.matches(event) for pattern in self.patterns)

    def why(self, event: Any) -> str | None:
        reasons = [pattern.why(event) for pattern in self.patterns]
        if None in reasons:
            return None
        return "none of $or: " + "; ".join(str(reason) for reason in reasons)

    def clause(self) -> Clause | None:
        return None


class Compiled:
    """A pattern ready to be asked. `clauses` are what an index may file it under."""

    __slots__ = ("_conditions", "clauses")

    def __init__(self, conditions: Sequence[_Condition]) -> None:
        found = [(condition, condition.clause()) for condition in conditions]
        # Plain look-ups first: most events fail there, before any regular expression.
        self._conditions = [c for c, clause in found if clause is not None] + [
            c for c, clause in found if clause is None
        ]
        self.clauses = tuple(clause for _, clause in found if clause is not None)

    def matches(self, event: Any) -> bool:
        """Whether the pattern holds for `event`, a struct with CloudEvents names or a mapping."""
        for condition in self._conditions:  # noqa: SIM110 - a generator would cost half of it
            if not condition.holds(event):
                return False
        return True

    def why(self, event: Any) -> str | None:
        """The first clause that fails, in words; None when the pattern holds."""
        for condition in self._conditions:
            reason = condition.why(event)
            if reason is not None:
                return reason
        return None


def compile_pattern(pattern: Mapping[str, Any]) -> Compiled:
    """The compiled form of `pattern`. Raises `PatternError` naming the path and the cure."""
    table = _mapping(pattern, "the pattern")
    return Compiled(list(_conditions(table, (), _root_name)))


def _conditions(table: Mapping[str, Any], above: Path, check: Any = None) -> Iterator[_Condition]:
    for name, value in table.items():
        if name == OR:
            yield _any_of(value, above, check)
            continue
        if check is not None:
            check(name)
        key = name.lower() if above == ("headers",) else name
        path = (*above, key)
        if isinstance(value, Mapping):
            yield from _conditions(_mapping(value, ".".join(path)), path)
        else:
            yield _leaf(path, value)


def _any_of(value: Any, above: Path, check: Any) -> _AnyOf:
    place = ".".join((*above, OR))
    if not isinstance(value, list) or not value:
        raise PatternError(f"{place} takes a list of patterns")
    listed: list[Any] = value  # pyright: ignore[reportUnknownVariableType] - untyped JSON
    return _AnyOf(
        tuple(
            Compiled(list(_conditions(_mapping(item, f"{place}[{n}]"), above, check)))
            for n, item in enumerate(listed)
        )
    )


def _leaf(path: Path, value: Any) -> _Leaf:
    place = ".".join(path)
    if not isinstance(value, (list, tuple)):
        raise PatternError(f"{place}: values are always lists; write [{value!r}]")
    members = cast("list[Any]", value)
    if not members:
        raise PatternError(f"{place}: an empty list would never match")
    return _Leaf(path, tuple(alternative(member, place) for member in members))


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise PatternError(f"{place} must be a mapping, got {value!r}")
    table: Mapping[Any, Any] = value  # pyright: ignore[reportUnknownVariableType] - untyped JSON
    if not table:
        raise PatternError(f"{place} is empty: leave it out to match everything")
    for name in table:
        if not isinstance(name, str):
            raise PatternError(f"{place}: names are text, got {name!r}")
    return cast("Mapping[str, Any]", table)


def _root_name(name: str) -> None:
    """Extension names are lower-case letters and digits (CloudEvents 1.0, naming)."""
    if name in ATTRIBUTES or (name.isascii() and name.isalnum() and name == name.lower()):
        near = get_close_matches(name, _KNOWN, 1, 0.8)
        if name in ATTRIBUTES or not near:
            return
        raise PatternError(f"there is no {name!r} at the root of an event; did you mean {near[0]}?")
    raise PatternError(
        f"there is no {name!r} at the root of an event: there are {', '.join(_KNOWN)} "
        "and extension attributes"
    )
