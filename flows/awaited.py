"""Patterns with values of the run in them, as `wait_for` takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from triphammer.config.patterns import Compiled, compile_pattern
from triphammer.flows.expr import Expr
from triphammer.flows.kinds import is_array, is_mapping

Path = tuple[str, ...]
_STANDING_FOR: Mapping[str, Any] = {"numeric": 0, "cidr": "10.0.0.0/8", "exists": True}
"""What may stand for a value that is not known yet, by the operator that it is given to."""


def checked(pattern: Mapping[str, Any]) -> Compiled:
    """A pattern in which each value that is not known yet is some value. Raises `PatternError`
    for what is wrong with it whatever these values are."""
    filled: Any = _filled(pattern, "")
    return compile_pattern(filled)


def tells_apart(pattern: Mapping[str, Any]) -> Path:
    """The first path at which the pattern asks for a value of the run alone; () if it does not."""
    return next(_asking(pattern, ()), ())


def _filled(part: Any, operator: str) -> Any:
    if isinstance(part, Expr):
        return _STANDING_FOR.get(operator, "x")
    if is_mapping(part):
        return {name: _filled(value, str(name)) for name, value in part.items()}
    if is_array(part):
        return [_filled(value, operator) for value in part]
    return part


def _asking(pattern: Mapping[Any, Any], above: Path) -> Iterator[Path]:
    for name, value in pattern.items():
        path = (*above, str(name).lower() if above == ("headers",) else str(name))
        if is_mapping(value):
            yield from _asking(value, path)
        elif isinstance(value, Expr) or (
            is_array(value) and value and all(isinstance(one, Expr) for one in value)
        ):
            yield path
