"""The last runs of a flow beside each other, task by task: what a glance compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from triphammer.service.store.looking import GridRun, GridTask, RecentRun

MOST_RUNS, MOST_TASKS = 25, 100
"""Columns and rows of a grid; there is a way on to what is left out."""
LOOKED_AT = 300
"""Tasks of each run that rows are chosen from."""


@dataclass(frozen=True, slots=True)
class Column:
    """One run. `size`: how long it took, as a share of the longest beside it."""

    run: RecentRun
    size: float


@dataclass(frozen=True, slots=True)
class Row:
    """One task: what became of it in each run, None where it did not begin."""

    name: str
    cells: tuple[GridTask | None, ...]

    @property
    def is_map(self) -> bool:
        """Whether it had items in any of the runs."""
        return any(cell is not None and cell.items is not None for cell in self.cells)

    @property
    def failed(self) -> bool:
        """Whether it, or an item of it, failed in any of the runs."""
        return any(
            cell is not None and (cell.state == "failed" or cell.failed_items > 0)
            for cell in self.cells
        )


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns from the oldest run to the newest; rows as the graph has its tasks, those that it
    has no more behind them. `left_out`: tasks that are not shown."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    left_out: int


def run_grid(nodes: Sequence[str], newest_first: Sequence[GridRun]) -> Grid:
    """The grid of these runs; `nodes` are the names of the graph's tasks in order."""
    runs = list(reversed(newest_first[:MOST_RUNS]))
    begun = (task.name for run in runs for task in run.tasks)
    names = list(dict.fromkeys((*nodes, *begun)))
    by_name = [{task.name: task for task in run.tasks} for run in runs]
    rows = [Row(name, tuple(tasks.get(name) for tasks in by_name)) for name in names]
    longest = max((run.run.seconds or 0 for run in runs), default=0) or 1
    columns = [Column(run.run, (run.run.seconds or 0) / longest) for run in runs]
    return Grid(tuple(columns), _chosen(rows), max(len(rows) - MOST_TASKS, 0))


def _chosen(rows: Sequence[Row]) -> tuple[Row, ...]:
    """As many as there is room for, in their order. What failed is what one looks for."""
    order = sorted(range(len(rows)), key=lambda number: (not rows[number].failed, number))
    return tuple(rows[number] for number in sorted(order[:MOST_TASKS]))
