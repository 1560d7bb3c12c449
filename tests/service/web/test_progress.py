"""How far a run is: told of its tasks, the maps among them, and what it is doing."""

from __future__ import annotations

from triphammer.flows.journal import TaskRow
from triphammer.service.web.console.progress import MOST, WIDEST, Doing, has_items, progress


def test_a_run_that_has_begun_nothing() -> None:
    far = progress(["a", "b"], [], {})
    assert (far.done, far.total, far.doing, far.more) == (0, 2, [], 0)


def test_what_has_ended_counts_however_it_ended() -> None:
    states = ("succeeded", "failed", "skipped", "cancelled", "running", "retrying", "pending")
    tasks = [TaskRow(name=state, state=state) for state in states]
    far = progress([*states, "later"], tasks, {})
    assert (far.done, far.total) == (4, 8)
    assert [task.name for task in far.doing] == ["running", "retrying"]


def test_a_map_tells_of_its_items_and_a_task_of_itself() -> None:
    tasks = [
        TaskRow(name="rows", state="running", items=40),
        TaskRow(name="load", state="running", attempt=2, progress=(3, 8)),
    ]
    items = {"rows": {"succeeded": 20, "failed": 1, "running": 4}}
    far = progress(["rows", "load"], tasks, items)
    assert far.doing == [Doing("rows", "running", 0, 21, 40), Doing("load", "running", 2, 3, 8)]


def test_few_of_many_are_named() -> None:
    tasks = [TaskRow(name=f"t{n}", state="running") for n in range(10)]
    far = progress([task.name for task in tasks], tasks, {})
    assert (len(far.doing), far.more) == (MOST, 10 - MOST)


def test_without_the_code_what_is_known_is_all() -> None:
    far = progress([], [TaskRow(name="a", state="running")], {})
    assert (far.done, far.total) == (0, 0)
    assert [task.name for task in far.doing] == ["a"]


def test_items_are_counted_only_where_they_are_few() -> None:
    def of(items: int | None, state: str = "running") -> bool:
        return has_items([TaskRow(name="a", state=state, items=items)])

    assert of(1)
    assert of(WIDEST)
    assert not of(WIDEST + 1)
    assert not of(0)
    assert not of(None)
    assert not of(40, "succeeded")
