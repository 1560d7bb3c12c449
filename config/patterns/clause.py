"""What an index may know of a pattern: one path and the simple alternatives asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Clause:
    """A path that must hold one of the alternatives, or the pattern does not match.

    `intervals` are (low, high), both ends taken as included: the pattern itself decides.
    """

    path: tuple[str, ...]
    exact: tuple[Any, ...] = ()
    prefixes: tuple[str, ...] = ()
    intervals: tuple[tuple[float, float], ...] = ()
