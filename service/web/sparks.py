"""Small drawings of numbers as paths of SVG."""

from __future__ import annotations

from collections.abc import Sequence


def line(values: Sequence[float], width: float, height: float) -> str:
    """A line through `values` from left to right, from 0 at the bottom to the greatest on top."""
    points = _points(values, width, height)
    return "M" + " L".join(f"{x:g},{y:g}" for x, y in points) if points else ""


def under(values: Sequence[float], width: float, height: float) -> str:
    """What lies under that line."""
    drawn = line(values, width, height)
    return f"{drawn} L{width:g},{height:g} L0,{height:g} Z" if drawn else ""


def _points(values: Sequence[float], width: float, height: float) -> list[tuple[float, float]]:
    if not values:
        return []
    shown = [*values, *values] if len(values) == 1 else list(values)
    step, most = width / (len(shown) - 1), max(max(shown), 0.0) or 1.0
    room = height - 2  # the line has a width of its own
    return [
        (round(n * step, 2), round(height - 1 - max(value, 0.0) / most * room, 2))
        for n, value in enumerate(shown)
    ]
