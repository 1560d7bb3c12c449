"""Conditions: comparisons of values not known yet, evaluated at run time."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from triphammer.config.errors import PatternError
from triphammer.config.patterns import compile_pattern
from triphammer.flows.errors import GraphError
from triphammer.flows.expr import Expr, Scope, resolve
from triphammer.flows.guards import Guarded
from triphammer.flows.kinds import is_mapping
from triphammer.flows.places import user_place

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Comparable(Guarded):
    """An expression whose comparisons and `& | ~` draw conditions."""

    __slots__ = ()

    def __eq__(self, other: object) -> Any:
        return Comparison("==", self, other)

    def __ne__(self, other: object) -> Any:
        return Comparison("!=", self, other)

    def __lt__(self, other: object) -> Any:
        return Comparison("<", self, other)

    def __le__(self, other: object) -> Any:
        return Comparison("<=", self, other)

    def __gt__(self, other: object) -> Any:
        return Comparison(">", self, other)

    def __ge__(self, other: object) -> Any:
        return Comparison(">=", self, other)

    def __and__(self, other: object) -> Any:
        return Both(self, _operand(other))

    def __rand__(self, other: object) -> Any:
        return Both(_operand(other), self)

    def __or__(self, other: object) -> Any:
        return Either(self, _operand(other))

    def __ror__(self, other: object) -> Any:
        return Either(_operand(other), self)

    def __invert__(self) -> Any:
        return Negation(self)

    # Assigning __eq__ above would otherwise set it to None.
    __hash__ = Guarded.__hash__


class Condition(Comparable):
    """Evaluates to a bool."""

    __slots__ = ()


class Comparison(Condition):
    """`left op right`; either side may be a template."""

    __slots__ = ("_left", "_op", "_right")

    def __init__(self, op: str, left: Any, right: Any) -> None:
        self._op = op
        self._left = left
        self._right = right

    def evaluate(self, scope: Scope) -> bool:
        return bool(_OPERATORS[self._op](resolve(self._left, scope), resolve(self._right, scope)))

    def parts(self) -> Iterator[Any]:
        yield self._left
        yield self._right

    def __repr__(self) -> str:
        return f"({self._left!r} {self._op} {self._right!r})"


class Both(Condition):
    """Both sides hold; the right one is not evaluated when the left one does not."""

    __slots__ = ("_left", "_right")

    def __init__(self, left: Expr, right: Expr) -> None:
        self._left = left
        self._right = right

    def evaluate(self, scope: Scope) -> bool:
        return bool(self._left.evaluate(scope)) and bool(self._right.evaluate(scope))

    def parts(self) -> Iterator[Any]:
        yield self._left
        yield self._right

    def __repr__(self) -> str:
        return f"({self._left!r} & {self._right!r})"


class Either(Condition):
    """One side holds; the right one is not evaluated when the left one does."""

    __slots__ = ("_left", "_right")

    def __init__(self, left: Expr, right: Expr) -> None:
        self._left = left
        self._right = right

    def evaluate(self, scope: Scope) -> bool:
        return bool(self._left.evaluate(scope)) or bool(self._right.evaluate(scope))

    def parts(self) -> Iterator[Any]:
        yield self._left
        yield self._right

    def __repr__(self) -> str:
        return f"({self._left!r} | {self._right!r})"


class Negation(Condition):
    """The operand does not hold."""

    __slots__ = ("_operand",)

    def __init__(self, operand: Expr) -> None:
        self._operand = operand

    def evaluate(self, scope: Scope) -> bool:
        return not self._operand.evaluate(scope)

    def parts(self) -> Iterator[Any]:
        yield self._operand

    def __repr__(self) -> str:
        return f"~{self._operand!r}"


class Truth(Condition):
    """A value taken as true or false: a boolean handle in `when=`."""

    __slots__ = ("_operand",)

    def __init__(self, operand: Expr) -> None:
        self._operand = operand

    def evaluate(self, scope: Scope) -> bool:
        return bool(self._operand.evaluate(scope))

    def parts(self) -> Iterator[Any]:
        yield self._operand

    def __repr__(self) -> str:
        return repr(self._operand)


class EventMatches(Condition):
    """The run's event matches a pattern."""

    __slots__ = ("_compiled", "_pattern")

    def __init__(self, pattern: Mapping[str, Any]) -> None:
        self._pattern = pattern
        self._compiled = compile_pattern(pattern)

    def evaluate(self, scope: Scope) -> bool:
        return self._compiled.matches(scope.event)

    def __repr__(self) -> str:
        return repr(self._pattern)


def condition(value: Any, name: str = "when") -> Condition:
    """What stands in `when=` as a condition. Raises `GraphError` naming the user's line."""
    if isinstance(value, Condition):
        return value
    if isinstance(value, Expr):
        return Truth(value)
    place = user_place()
    if is_mapping(value):
        try:
            return EventMatches(value)
        except PatternError as error:
            raise GraphError(f"{name}=: {error}", place.file, place.line) from error
    raise GraphError(f"{name}={value!r} {_WHEN}", place.file, place.line)


_WHEN = (
    "is a plain value, computed while the graph was drawn: give a comparison of handles or "
    "fields (total > 0), a boolean handle or an event pattern"
)


def _operand(value: object) -> Expr:
    if isinstance(value, Expr):
        return value
    place = user_place()
    message = f"& and | combine conditions, not {value!r}: write parentheses, (a > 1) & (b < 2)"
    raise GraphError(message, place.file, place.line)
