"""The machine of one run: what ends comes in, what begins comes out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.engine.graphs import BOOM, Computed, Driven, Of, a_flow, a_node
from triphammer.flows.journal import ErrorInfo, TaskRow


def chain(length: int = 3, **options: Any) -> Driven:
    names = [chr(ord("a") + i) for i in range(length)]
    nodes = [a_node(n, *names[max(i - 1, 0) : i], **options) for i, n in enumerate(names)]
    return Driven(a_flow(*nodes, result=Of(names[-1])))


def test_each_task_begins_when_the_one_before_it_has_ended() -> None:
    run = chain()
    assert list(run.under_way) == ["a"]
    run.succeed("a")
    assert list(run.under_way) == ["b"]
    run.succeed("b")
    run.succeed("c", {"n": 1})
    assert run.end.state == "succeeded"
    assert run.result == {"n": 1}
    assert run.launched == ["a#1", "b#1", "c#1"]


def test_independent_tasks_begin_together_and_a_join_waits_for_all() -> None:
    run = Driven(a_flow(a_node("a"), a_node("b"), a_node("c", "a", "b")))
    assert list(run.under_way) == ["a", "b"]
    run.succeed("b")
    assert list(run.under_way) == ["a"]
    run.succeed("a")
    assert list(run.under_way) == ["c"]


def test_a_run_without_tasks_succeeds_at_once() -> None:
    assert Driven(a_flow()).end.state == "succeeded"


def test_behind_a_failure_all_are_blocked_and_the_run_fails_with_its_error() -> None:
    run = chain()
    run.fail("a")
    assert run.states() == {"a": "failed", "b": "skipped", "c": "skipped"}
    assert run.rows["b"].error == ErrorInfo("UpstreamFailed", "a did not succeed")
    assert run.rows["c"].error == ErrorInfo("UpstreamFailed", "b did not succeed")
    assert run.end.state == "failed"
    assert run.end.error == ErrorInfo("ValueError", "a: boom", "trace")
    assert run.end.failed_tasks == ("a",)
    assert run.end.result is None


def test_the_first_of_several_errors_is_the_runs() -> None:
    run = Driven(a_flow(a_node("a"), a_node("b"), a_node("c")))
    run.fail("b", ErrorInfo("KeyError", "one"))
    run.fail("a", ErrorInfo("OSError", "two"))
    assert run.ending is None
    run.succeed("c")
    assert run.end.error == ErrorInfo("KeyError", "b: one")
    assert run.end.failed_tasks == ("b", "a")


def test_a_failure_that_a_rule_deals_with_does_not_fail_the_run() -> None:
    run = Driven(a_flow(a_node("a"), a_node("clean", "a", trigger_rule="all_done")))
    run.fail("a")
    run.succeed("clean")
    assert run.end.state == "succeeded"
    assert run.end.failed_tasks == ("a",)


def test_a_very_long_chain_is_blocked_without_recursion() -> None:
    names = [f"t{i}" for i in range(5000)]
    nodes = [a_node(name, *names[max(i - 1, 0) : i]) for i, name in enumerate(names)]
    run = Driven(a_flow(*nodes))
    run.fail("t0")
    assert run.end.state == "failed"


# --- conditions ---------------------------------------------------------------------------


def test_a_condition_that_does_not_hold_skips_the_task_and_what_follows() -> None:
    when = Computed(lambda scope: scope.result("a") > 5)
    run = Driven(a_flow(a_node("a"), a_node("b", "a", when=when), a_node("c", "b")))
    run.succeed("a", 5)
    assert run.states() == {"a": "succeeded", "b": "skipped", "c": "skipped"}
    assert run.rows["b"].error is None
    assert run.end.state == "succeeded"


def test_a_condition_that_holds_lets_the_task_begin() -> None:
    when = Computed(lambda scope: scope.result("a") > 5)
    run = Driven(a_flow(a_node("a"), a_node("b", "a", when=when)))
    run.succeed("a", 6)
    assert list(run.under_way) == ["b"]


def test_an_error_in_a_condition_fails_the_task_and_says_where() -> None:
    when = Computed(lambda _: 1 // 0)
    run = Driven(a_flow(a_node("a"), a_node("b", "a", when=when, retries=3)))
    run.succeed("a")
    assert run.states()["b"] == "failed"
    error = run.rows["b"].error
    assert error is not None
    assert error.type == "ZeroDivisionError"
    assert error.message.startswith("when= (flows/sample.py:1): ")
    assert run.end.state == "failed"


# --- retries ------------------------------------------------------------------------------


def test_a_failed_attempt_is_retried_when_its_wait_is_over() -> None:
    run = chain(1, retries=2)
    run.fail("a")
    row = run.rows["a"]
    assert (row.state, row.attempt, row.error) == ("retrying", 1, BOOM)
    assert row.due_at == run.now + 1_000_000
    assert not run.under_way
    run.pass_time()
    run.fail("a")
    assert run.rows["a"].due_at == run.now + 2_000_000
    run.pass_time()
    run.succeed("a", 1)
    assert run.launched == ["a#1", "a#2", "a#3"]
    assert run.failures == [("a", 1), ("a", 2)]
    assert run.end.state == "succeeded"


def test_after_the_last_retry_the_task_has_failed() -> None:
    run = chain(1, retries=1)
    run.fail("a")
    run.pass_time()
    run.fail("a")
    assert run.rows["a"].state == "failed"
    assert run.rows["a"].attempt == 2
    assert run.end.state == "failed"


def test_a_misfit_is_not_retried() -> None:
    run = chain(1, retries=5)
    run.fail("a", ErrorInfo("ValueMisfit", "no number"), retryable=False)
    assert run.rows["a"].state == "failed"


# --- cancelling ---------------------------------------------------------------------------


def test_cancelling_ends_what_is_under_way_and_what_has_not_begun() -> None:
    run = Driven(a_flow(a_node("a"), a_node("b"), a_node("c", "a", "b")))
    run.succeed("a")
    run.cancel()
    assert run.states() == {"a": "succeeded", "b": "cancelled", "c": "cancelled"}
    assert run.end.state == "cancelled"
    assert run.end.error == ErrorInfo("Cancelled", "enough")


def test_cancelling_keeps_how_many_items_a_map_has() -> None:
    run = Driven(a_flow(a_node("m", args=([1, 2, 3],), mapped=True, max_parallel=1)))
    run.cancel()
    assert run.rows["m"].items == 3
    assert run.states() == {"m": "cancelled", "m[0]": "cancelled"}


# --- the result ---------------------------------------------------------------------------


def test_the_result_is_filled_in_from_the_tasks() -> None:
    run = Driven(a_flow(a_node("a"), a_node("b"), result={"a": Of("a"), "both": [Of("b"), 2]}))
    run.succeed("a", [1])
    run.succeed("b", "x")
    assert run.result == {"a": [1], "both": ["x", 2]}


def test_a_result_that_leads_nowhere_fails_the_run() -> None:
    run = Driven(a_flow(a_node("a"), result=Computed(lambda s: s.result("a")["missing"])))
    run.succeed("a", {})
    assert run.end.state == "failed"
    assert run.end.error is not None
    assert run.end.error.message.startswith("what the flow returns: ")


def test_the_result_of_a_skipped_task_is_nothing() -> None:
    when = Computed(lambda _: False)
    run = Driven(a_flow(a_node("a", when=when), result=Of("a")))
    assert run.end.state == "succeeded"
    assert run.end.result is None


# --- resuming -----------------------------------------------------------------------------


def resumed(*rows: TaskRow, **options: Any) -> Driven:
    nodes = (a_node("a", **options), a_node("b", "a", **options))
    return Driven(a_flow(*nodes, result=Of("b")), rows)


def done(name: str) -> TaskRow:
    run = chain(1)
    run.succeed("a", 1)
    result = run.rows["a"].result
    return TaskRow(name=name, state="succeeded", attempt=1, result=result)


def test_a_finished_task_is_not_run_again() -> None:
    run = resumed(done("a"))
    assert run.launched == ["b#1"]


def test_an_interrupted_attempt_is_begun_again_and_does_not_count() -> None:
    run = resumed(TaskRow(name="a", state="running", attempt=2, started_at=5), retries=2)
    assert run.launched == ["a#2"]
    run.fail("a")
    run.pass_time()
    assert run.launched == ["a#2", "a#3"]


def test_a_retry_keeps_its_due_time() -> None:
    run = resumed(TaskRow(name="a", state="retrying", attempt=1, due_at=5000), retries=2)
    assert run.launched == []
    run.pass_time()
    assert run.now == 5000
    assert run.launched == ["a#2"]


def test_a_retry_that_fell_due_meanwhile_begins_at_once() -> None:
    run = resumed(TaskRow(name="a", state="retrying", attempt=1, due_at=1), retries=2)
    assert run.launched == ["a#2"]


def test_at_most_once_fails_when_it_was_interrupted() -> None:
    row = TaskRow(name="a", state="running", attempt=1, started_at=5)
    run = resumed(row, at_most_once=True, retries=3)
    assert run.launched == []
    assert run.rows["a"].state == "failed"
    assert run.rows["a"].error is not None
    assert run.rows["a"].error.type == "Interrupted"
    assert run.end.state == "failed"


def test_a_condition_is_not_judged_again_for_what_had_begun() -> None:
    when = Computed(lambda _: pytest.fail("judged again"))
    row = TaskRow(name="a", state="running", attempt=1)
    assert Driven(a_flow(a_node("a", when=when)), [row]).launched == ["a#1"]


def test_blocked_tasks_are_known_again_after_a_restart() -> None:
    before = chain()
    before.fail("a")
    rows = [row for row in before.rows.values() if row.name != "c"]
    nodes = (a_node("a"), a_node("b", "a"), a_node("c", "b"))
    run = Driven(a_flow(*nodes), rows)
    assert run.rows["c"].error == ErrorInfo("UpstreamFailed", "b did not succeed")
    assert run.end.error == ErrorInfo("ValueError", "a: boom", "trace")
