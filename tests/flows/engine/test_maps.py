"""Maps: a window of items, their failures, the list that dependents get."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.engine.graphs import BOOM, Driven, Of, a_flow, a_node
from triphammer.flows.engine.maps import item_number
from triphammer.flows.journal import ErrorInfo, TaskRow
from triphammer.flows.outcomes import Failed, Ok


def mapped(items: Any, *more: Any, **options: Any) -> Driven:
    node = a_node("m", args=(items, *more), mapped=True, **options)
    return Driven(a_flow(node, result=Of("m")))


def test_each_item_is_a_task_and_the_results_keep_the_order() -> None:
    run = mapped(["x", "y", "z"])
    assert list(run.under_way) == ["m[0]", "m[1]", "m[2]"]
    assert [launch.value for launch in run.under_way.values()] == [("x",), ("y",), ("z",)]
    assert (run.rows["m"].state, run.rows["m"].items) == ("running", 3)
    for i in (2, 0, 1):
        run.succeed(f"m[{i}]", i * 10)
    assert run.result == [0, 10, 20]
    assert (run.rows["m"].state, run.rows["m"].items) == ("succeeded", 3)


def test_a_dependent_waits_for_the_whole_map() -> None:
    m = a_node("m", args=([1, 2],), mapped=True)
    run = Driven(a_flow(m, a_node("after", "m")))
    run.succeed("m[1]")
    assert list(run.under_way) == ["m[0]"]
    run.succeed("m[0]")
    assert list(run.under_way) == ["after"]


def test_an_empty_map_succeeds_with_an_empty_list() -> None:
    run = mapped([])
    assert run.result == []
    assert (run.rows["m"].state, run.rows["m"].items) == ("succeeded", 0)


def test_at_most_so_many_items_are_under_way() -> None:
    run = mapped(list(range(5)), max_parallel=2)
    assert list(run.under_way) == ["m[0]", "m[1]"]
    run.succeed("m[1]")
    assert list(run.under_way) == ["m[0]", "m[2]"]
    run.fail("m[0]")
    assert list(run.under_way) == ["m[2]", "m[3]"]


def test_an_item_that_waits_for_its_retry_gives_up_its_place_and_then_goes_first() -> None:
    run = mapped(list(range(4)), max_parallel=1, retries=1)
    run.fail("m[0]")
    assert list(run.under_way) == ["m[1]"]
    run.pass_time()
    assert list(run.under_way) == ["m[1]"]
    run.succeed("m[1]")
    assert list(run.under_way) == ["m[0]"]
    assert run.under_way["m[0]"].attempt == 2


def test_fail_lets_the_rest_finish_and_names_the_first_item() -> None:
    run = mapped([1, 2, 3])
    run.fail("m[2]", ErrorInfo("OSError", "later item, earlier failure"))
    run.fail("m[1]")
    assert run.ending is None
    run.succeed("m[0]")
    said = "2 of 3 items, the first m[1]: boom"
    assert run.rows["m"].error == ErrorInfo("ValueError", said, "trace")
    assert run.end.state == "failed"
    assert run.end.failed_tasks == ("m",)
    assert run.end.error is not None
    assert run.end.error.message == f"m: {said}"


def test_skip_leaves_failed_items_out() -> None:
    run = mapped([1, 2, 3], errors="skip")
    run.fail("m[1]")
    run.succeed("m[2]", 30)
    run.succeed("m[0]", 10)
    assert run.result == [10, 30]
    assert run.states() == {
        "m": "succeeded",
        "m[0]": "succeeded",
        "m[1]": "failed",
        "m[2]": "succeeded",
    }


def test_collect_tells_of_every_item_in_order() -> None:
    run = mapped(["a", "b"], errors="collect", retries=1)
    run.succeed("m[1]", 2)
    run.fail("m[0]")
    run.pass_time()
    run.fail("m[0]")
    assert run.machine.scope.result("m") == [Failed("a", BOOM, 2), Ok(2)]
    assert run.end.state == "succeeded"


def test_several_collections_are_zipped_or_crossed() -> None:
    zipped = mapped([1, 2], ["a", "b"])
    assert [one.value for one in zipped.under_way.values()] == [(1, "a"), (2, "b")]
    crossed = mapped([1, 2], ["a", "b"], cross=True)
    assert [one.value for one in crossed.under_way.values()] == [
        (1, "a"),
        (1, "b"),
        (2, "a"),
        (2, "b"),
    ]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (([1], [1, 2]), "unequal lengths, 1 and 2"),
        (("text",), "takes a list of items, got str"),
        (({"a": 1},), "takes a list of items, got dict"),
        ((None,), "takes a list of items, got NoneType"),
    ],
)
def test_what_cannot_be_mapped_over_fails_the_map(columns: tuple[Any, ...], said: str) -> None:
    run = mapped(*columns)
    assert run.end.state == "failed"
    error = run.rows["m"].error
    assert error is not None
    assert said in error.message


def test_a_map_that_was_interrupted_goes_on_with_what_is_left() -> None:
    before = mapped(list(range(4)), retries=2)
    before.succeed("m[0]", 0)
    before.fail("m[1]")
    before.fail("m[2]", retryable=False)
    rows = [*before.rows.values(), TaskRow(name="m[3]", state="running", attempt=1)]
    node = a_node("m", args=(list(range(4)),), mapped=True, retries=2, errors="skip")
    run = Driven(a_flow(node, result=Of("m")), rows, now=before.now)
    assert run.launched == ["m[3]#1"]
    run.succeed("m[3]", 3)
    run.pass_time()
    assert run.launched == ["m[3]#1", "m[1]#2"]
    run.succeed("m[1]", 1)
    assert run.result == [0, 1, 3]


def test_an_item_at_most_once_fails_when_it_was_interrupted() -> None:
    rows = [
        TaskRow(name="m", state="running", attempt=1, items=2),
        TaskRow(name="m[0]", state="running", attempt=1),
    ]
    node = a_node("m", args=([1, 2],), mapped=True, at_most_once=True)
    run = Driven(a_flow(node), rows)
    assert run.launched == ["m[1]#1"]
    assert run.rows["m[0]"].state == "failed"
    run.succeed("m[1]")
    assert run.end.state == "failed"


@pytest.mark.parametrize("errors", ["skip", "collect"])
def test_a_finished_map_gives_the_same_list_after_a_restart(errors: str) -> None:
    m = a_node("m", args=(["a", "b"],), mapped=True, errors=errors)
    flow = a_flow(m, a_node("after", "m"))
    before = Driven(flow)
    before.succeed("m[1]", 2)
    before.fail("m[0]")
    run = Driven(flow, list(before.rows.values()))
    assert run.launched == ["after#1"]
    assert run.machine.scope.result("m") == before.machine.scope.result("m")


def test_an_item_is_known_by_its_name() -> None:
    assert item_number("enrich[17]") == ("enrich", 17)
    assert item_number("sub/enrich[0]") == ("sub/enrich", 0)
    assert item_number("enrich") == ("enrich", None)
