"""Tasks that skip themselves, or fail for good: `raise Skip(...)`, `raise Fail(...)`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.engine.graphs import Driven, Of, a_flow, a_node
from triphammer import Fail, Skip, context, flow, loop, publish, state, task
from triphammer.flows.journal import ErrorInfo, TaskRow
from triphammer.flows.outcomes import Failed, Ok
from triphammer.testing import simulate

WHY = ErrorInfo("Skip", "nothing new")


def states(run: Any) -> dict[str, str]:
    return {name: one.state for name, one in run.tasks().items()}


@task(retries=3)
async def look(new: bool) -> int:
    if not new:
        state["seen"] = 1
        publish("news", 1)
        raise Skip("nothing new")
    return 1


@task
def use(found: int) -> int:
    return found + 1


@task(trigger_rule="none_failed")
def report(found: int | None) -> str:
    error = context().upstream["look"].error
    return f"{found} {'' if error is None else error.message}"


@flow
def polling(new: bool) -> Any:
    found = look(new)
    use(found)
    return report(found)


def test_a_task_skips_itself_with_a_reason_and_what_stands_behind_is_skipped() -> None:
    with simulate(polling) as sim:
        run = sim.start(polling, new=False)
        assert run.state == "succeeded"
        assert states(run) == {"look": "skipped", "use": "skipped", "report": "succeeded"}
        assert run.task("look").error == WHY
        assert run.task("look").attempt == 1
        assert run.result == "None nothing new"
        assert sim.published("news") == []
        assert sim.call(sim.local.store.flow_state("polling")) == {}
        assert sim.call(sim.local.store.failed_attempts(run.id)) == []
        again = sim.start(polling, new=True)
        assert again.result == "1 "


@task(retries=3)
def never(value: int) -> int:
    raise Fail(f"{value} will not do")


@flow
def hopeless() -> Any:
    return never(5)


def test_fail_is_not_tried_again() -> None:
    with simulate(hopeless) as sim:
        run = sim.start(hopeless)
        assert run.state == "failed"
        assert (run.task("never").state, run.task("never").attempt) == ("failed", 1)
        assert run.error is not None
        assert (run.error.type, run.error.message) == ("Fail", "never: 5 will not do")


@task(retries=2)
def odd(number: int) -> int:
    if number % 2 == 0:
        raise Skip(f"{number} is even")
    return number


@flow
def odds(numbers: list[int]) -> Any:
    return odd.map(numbers)


@task
def told(outcomes: list[Ok[int] | Failed]) -> list[str]:
    return [one.error.message if isinstance(one, Failed) else f"{one.value}" for one in outcomes]


@flow
def collected(numbers: list[int]) -> Any:
    return told(odd.options(errors="collect").map(numbers))


def test_items_that_skip_themselves_are_left_out() -> None:
    with simulate(odds, collected) as sim:
        run = sim.start(odds, numbers=[1, 2, 3])
        assert (run.state, run.result) == ("succeeded", [1, 3])
        assert states(run)["odd[1]"] == "skipped"
        both = sim.start(collected, numbers=[1, 2])
        assert both.result == ["1", "2 is even"]


def test_a_map_of_which_every_item_skips_itself_is_skipped() -> None:
    with simulate(odds) as sim:
        run = sim.start(odds, numbers=[2, 4])
        assert states(run) == {"odd": "skipped", "odd[0]": "skipped", "odd[1]": "skipped"}
        assert (run.state, run.result) == ("succeeded", None)
        assert sim.start(odds, numbers=[]).result == []


@task
def step(number: int) -> int:
    if number == 2:
        raise Skip("far enough")
    return number + 1


@flow
def looping() -> Any:
    return use(loop(step, 0, max=5))


def test_a_turn_that_skips_itself_skips_the_loop() -> None:
    with simulate(looping) as sim:
        run = sim.start(looping)
        assert run.state == "succeeded"
        assert states(run) == {
            "step": "skipped",
            "step[0]": "succeeded",
            "step[1]": "succeeded",
            "step[2]": "skipped",
            "use": "skipped",
        }


def mapped(rows: list[TaskRow], **options: Any) -> Driven:
    node = a_node("m", args=(["x", "y"],), mapped=True, **options)
    return Driven(a_flow(node, a_node("after", "m"), result=Of("m")), rows)


def skipped(name: str, error: ErrorInfo = WHY) -> TaskRow:
    return TaskRow(name=name, state="skipped", attempt=1, finished_at=5, error=error)


BEGUN = TaskRow(name="m", state="running", attempt=1, started_at=1, items=2)


def test_a_skipped_item_stays_so_after_a_restart() -> None:
    run = mapped([BEGUN, skipped("m[0]")])
    assert list(run.under_way) == ["m[1]"]
    run.succeed("m[1]", 2)
    run.succeed("after")
    assert run.result == [2]


def test_the_last_item_had_skipped_itself_before_the_restart() -> None:
    run = mapped([BEGUN, skipped("m[0]"), skipped("m[1]")])
    assert run.states() == {
        "m": "skipped",
        "m[0]": "skipped",
        "m[1]": "skipped",
        "after": "skipped",
    }
    again = mapped([run.rows[name] for name in ("m", "m[0]", "m[1]")])
    assert again.states()["after"] == "skipped"


@pytest.mark.parametrize("error", [WHY, ErrorInfo("Skip", "")])
def test_a_skipped_task_stays_so_after_a_restart(error: ErrorInfo) -> None:
    nodes = (a_node("a"), a_node("b", "a"), a_node("c", "a", trigger_rule="all_skipped"))
    run = Driven(a_flow(*nodes), [skipped("a", error)])
    assert run.rows["b"].state == "skipped"
    assert list(run.under_way) == ["c"]
