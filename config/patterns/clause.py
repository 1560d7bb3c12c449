"""What a compiled pattern is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Clause:
    """What an index may know: a path that must hold one of the alternatives, or no match.

    `intervals` are (low, high), both ends taken as included: the pattern itself decides.
    """

    path: tuple[str, ...]
    exact: tuple[Any, ...] = ()
    prefixes: tuple[str, ...] = ()
    intervals: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that a pattern asks for.

    `why` says in words what an event lacks, None when it `holds`. `clause` is None when an index
    can make no use of it.
    """

    holds: Callable[[Any], bool]
    why: Callable[[Any], str | None]
    clause: Clause | None = None
