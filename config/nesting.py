"""How deep lists and mappings stand within each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_SCALARS = frozenset({str, int, float, bool, type(None)})


def deeper_than(levels: int, value: Any) -> bool:
    """Whether `value` nests lists, tuples and mappings more than `levels` deep: `[[]]` nests 2.

    Level by level instead of recursively: whoever made the value chose its depth.
    """
    level = [value] if _nests(value) else []
    for _ in range(levels):
        level = [inner for outer in level for inner in _inner(outer) if _nests(inner)]
    return bool(level)


def _nests(value: Any) -> bool:
    return type(value) not in _SCALARS and isinstance(value, (list, tuple, Mapping))


def _inner(outer: Any) -> Iterable[Any]:
    return outer.values() if isinstance(outer, Mapping) else outer  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - any value
