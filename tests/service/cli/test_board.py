"""A run under way, drawn."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from triphammer.service.cli.board import Board


def drawn(board: Board, height: int = 40) -> list[str]:
    """The lines of a drawing without their ends."""
    console = Console(file=io.StringIO(), width=80, height=height)
    console.print(board)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def told(*texts: str) -> Board:
    """A board that has heard these news."""
    board = Board("orders")
    for text in texts:
        board.tell(text)
    return board


def test_tasks_in_the_order_in_which_they_begin() -> None:
    board = told("parse running", "parse succeeded", "load running 3/12")
    board.become("running")
    assert drawn(board) == [
        "orders running",
        "✓ parse succeeded",
        "… load  running   3/12",
    ]


def test_a_map_is_one_line_with_its_count() -> None:
    board = told("step running", *(f"step[{n}] running" for n in range(3)))
    for text in ("step[0] succeeded", "step[1] retrying", "step[1] running", "step[1] failed"):
        board.tell(text)
    assert drawn(board)[1] == "… step running 2 of 3 items, 1 failed"


def test_a_flow_inside_keeps_its_place() -> None:
    board = told("shop[3]/load running", "shop[3]/load[0] running")
    assert drawn(board)[1] == "… shop[3]/load running 0 of 1 items"


def test_a_whole_run_says_the_same_as_its_news() -> None:
    items = {"succeeded": 1, "failed": 1, "running": 1}
    tasks = [
        {"name": "parse", "state": "running", "items": None, "progress": {"done": 3, "total": 12}},
        {"name": "step", "state": "running", "items": items, "progress": None},
    ]
    run: Any = {"state": "running", "tasks": tasks}
    board = Board("orders")
    board.show(run)
    assert drawn(board) == [
        "orders running",
        "… parse running 3 of 12",
        "… step  running 2 of 3 items, 1 failed",
    ]


def test_where_there_is_no_room_what_is_over_goes_first() -> None:
    ended = [f"done{n} succeeded" for n in range(10)]
    lines = drawn(told(*ended, "bad failed", "late running"), height=8)
    assert [line.split()[1] for line in lines[1:-1]] == ["done8", "done9", "bad", "late"]
    assert lines[-1] == "and 8 more tasks"


def test_names_are_no_markup() -> None:
    assert drawn(told("[red]x running"))[1] == "… [red]x running"
