"""What a benchmark yields, and how it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure and the limit measured beside it. Lower is better for times."""

    name: str
    value: float
    limit: float
    unit: str
    limit_is: str

    @property
    def ratio(self) -> float:
        """The figure over its limit."""
        return self.value / self.limit if self.limit else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table_head() -> str:
    """The names of the columns."""
    return f"{'':52} {'triphammer':>14} {'limit':>12} {'ratio':>7}  limit is"


def row(figure: Figure) -> str:
    """A figure as a line of the table."""
    return (
        f"{figure.name:52} {figure.value:>9,.1f} {figure.unit:<4} {figure.limit:>12,.1f} "
        f"{figure.ratio:>7.2f}  {figure.limit_is}"
    )
