"""A flow's handlers when its time is over, also where the daemon ends meanwhile."""

from __future__ import annotations

from tests.flows.engine.graphs import Driven
from triphammer import ErrorInfo, flow, task
from triphammer.flows.definition import definition_of
from triphammer.flows.engine.rows import RUN_TIMEOUT


@task
async def work() -> int:
    return 1


@task
async def tidy() -> None: ...


@task
async def alert(error: ErrorInfo) -> str:
    return error.message


@flow(timeout="1h", teardown=tidy, on_failure=alert)
def one() -> object:
    return work()


def test_the_handler_runs_behind_the_teardown() -> None:
    run = Driven(definition_of(one))
    run.cancel(RUN_TIMEOUT)
    assert list(run.under_way) == ["tidy"]
    run.succeed("tidy")
    assert list(run.under_way) == ["alert"]
    run.succeed("alert")
    assert run.end.state == "failed"
    assert run.end.error == ErrorInfo(RUN_TIMEOUT, "enough")


def test_it_runs_after_a_restart_in_the_teardown() -> None:
    before = Driven(definition_of(one))
    before.cancel(RUN_TIMEOUT)
    run = Driven(definition_of(one), list(before.rows.values()))
    assert list(run.under_way) == ["tidy"]
    run.succeed("tidy")
    run.succeed("alert")
    assert run.end.state == "failed"


def test_a_cancel_ends_the_handler_too() -> None:
    run = Driven(definition_of(one))
    run.cancel(RUN_TIMEOUT)
    run.cancel()
    assert run.under_way == {}
    assert run.states() == {"work": "cancelled", "tidy": "cancelled", "alert": "cancelled"}
    assert run.end.state == "failed"


def test_a_cancelled_run_has_not_failed_and_tells_no_handler() -> None:
    run = Driven(definition_of(one))
    run.cancel()
    run.succeed("tidy")
    assert run.states()["alert"] == "cancelled"
    assert run.end.state == "cancelled"
