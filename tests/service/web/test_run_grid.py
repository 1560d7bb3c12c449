"""Runs by tasks."""

from __future__ import annotations

from triphammer.service.store.looking import GridRun, GridTask, RecentRun
from triphammer.service.web.run_grid import MOST_RUNS, MOST_TASKS, run_grid


def a_run(number: int, *tasks: GridTask, took: int | None = 1_000_000) -> GridRun:
    run = RecentRun(
        id=f"run_{number}",
        state="succeeded" if took else "running",
        created_at=number,
        started_at=number,
        finished_at=None if took is None else number + took,
    )
    return GridRun(number, "shop", "v1", run, tasks)


def a_task(name: str, state: str = "succeeded", items: int | None = None) -> GridTask:
    return GridTask(name=name, state=state, attempt=1, items=items)


def test_runs_are_columns_and_tasks_rows_in_the_order_of_the_graph() -> None:
    old = a_run(1, a_task("gone"), a_task("load"), took=500_000)
    new = a_run(2, a_task("parse"), a_task("load", "failed", items=3), took=2_000_000)
    grid = run_grid(["parse", "load", "send"], [new, old])
    assert [column.run.id for column in grid.columns] == ["run_1", "run_2"]
    assert [column.size for column in grid.columns] == [0.25, 1]
    assert [row.name for row in grid.rows] == ["parse", "load", "send", "gone"]
    shown = {row.name: [cell and cell.state for cell in row.cells] for row in grid.rows}
    assert shown == {
        "parse": [None, "succeeded"],
        "load": ["succeeded", "failed"],
        "send": [None, None],
        "gone": ["succeeded", None],
    }
    assert [row.is_map for row in grid.rows] == [False, True, False, False]


def test_a_run_that_goes_on_has_no_length_yet() -> None:
    grid = run_grid([], [a_run(1, took=None)])
    assert [column.size for column in grid.columns] == [0]


def test_what_does_not_fit_is_counted() -> None:
    tasks = [a_task(f"t{n}") for n in range(MOST_TASKS + 7)]
    grid = run_grid([], [a_run(n, *tasks) for n in range(MOST_RUNS + 5, 0, -1)])
    assert (len(grid.columns), len(grid.rows), grid.left_out) == (MOST_RUNS, MOST_TASKS, 7)
    assert grid.columns[-1].run.id == f"run_{MOST_RUNS + 5}"
    assert grid.rows[-1].name == f"t{MOST_TASKS - 1}"


def test_what_failed_is_never_what_is_left_out() -> None:
    tasks = [a_task(f"t{n}", "failed" if n == 150 else "succeeded") for n in range(180)]
    mapped = GridTask(name="t180", state="succeeded", attempt=1, items=9, failed_items=1)
    grid = run_grid([f"t{n}" for n in range(200)], [a_run(1, *tasks, mapped)])
    assert [row.name for row in grid.rows] == [f"t{n}" for n in range(98)] + ["t150", "t180"]
    assert grid.left_out == 100
