"""Timeouts and deadlines of whole runs, in virtual time."""

from __future__ import annotations

import asyncio
import logging

import pytest

from triphammer import ErrorInfo, Event, events, flow, task
from triphammer.testing import simulate


def test_a_run_that_takes_too_long_fails_and_is_tidied_up() -> None:
    done = list[str]()

    @task
    async def tidy() -> None:
        done.append("tidied")

    @task
    async def slow() -> None:
        await asyncio.sleep(10_000)

    @task
    async def after(_: None) -> None:
        done.append("after")

    @flow(timeout="2h", teardown=tidy)
    def slowly() -> None:
        after(slow())

    with simulate(slowly) as sim:
        run = sim.start(slowly)
        sim.advance("7199s")
        assert run.state == "running"
        sim.advance("2s")
        assert run.state == "failed"
        assert run.error is not None
        assert run.error.type == "RunTimeout"
        assert run.error.message == "the run took longer than its flow's timeout of 7200 s"
        assert run.task("slow").state == "cancelled"
    assert done == ["tidied"]


def test_handlers_of_the_flow_hear_that_its_time_is_over() -> None:
    heard = list[str]()

    @task
    async def tidy() -> None:
        heard.append("tidied")

    @task
    async def slow() -> None:
        await asyncio.sleep(10_000)

    @task(on_failure=lambda: alert("the task"))
    async def guarded() -> None:
        await asyncio.sleep(10_000)

    @task
    async def alert(what: ErrorInfo | str) -> None:
        await asyncio.sleep(5)
        heard.append(what if isinstance(what, str) else f"{what.type}: {what.message}")

    @task
    async def praise() -> None:
        heard.append("it went well")

    @flow(timeout="2h", teardown=tidy, on_failure=alert, on_success=praise)
    def slowly() -> None:
        slow()
        guarded()

    with simulate(slowly) as sim:
        run = sim.start(slowly)
        sim.advance("2h")
        assert run.state == "running"
        sim.advance("10s")
        assert run.state == "failed"
        assert run.error is not None
        assert run.error.type == "RunTimeout"
        states = {name: one.state for name, one in run.tasks().items()}
    assert heard == [
        "tidied",
        "RunTimeout: the run took longer than its flow's timeout of 7200 s",
    ]
    assert states == {
        "slow": "cancelled",
        "guarded": "cancelled",
        "tidy": "succeeded",
        "alert": "skipped",
        "alert_2": "succeeded",
        "praise": "skipped",
    }


def test_handlers_that_take_the_flows_time_are_cut_off() -> None:
    @task
    async def endless() -> None:
        await asyncio.sleep(1e6)

    @task
    async def quick() -> int:
        return 1

    @flow(timeout="1h", on_success=endless)
    def praised() -> object:
        return quick()

    with simulate(praised) as sim:
        run = sim.start(praised)
        sim.advance("1h")
        assert run.state == "failed"
        assert run.task("endless").state == "cancelled"


def test_a_run_that_ends_in_time_is_left_alone() -> None:
    @task
    async def quick() -> int:
        await asyncio.sleep(5)
        return 1

    @flow(timeout="10s", deadline="8s")
    def quickly() -> object:
        return quick()

    with simulate(quickly) as sim:
        run = sim.start(quickly)
        sim.advance("1m")
        assert (run.state, run.result) == ("succeeded", 1)
        assert sim.local.core.late.told == {}


def test_a_late_run_is_told_of_once_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    heard = list[str]()

    @task
    async def slow() -> None:
        await asyncio.sleep(3600)

    @task
    async def alert(flow: str, run: str) -> None:
        heard.append(f"{flow} {run}")

    @flow(deadline="30m")
    def report() -> None:
        slow()

    @flow(on=events(type="triphammer.run.late"))
    def alerts(event: Event) -> None:
        alert(event.data["flow"], event.data["run"])

    with caplog.at_level(logging.WARNING), simulate(report, alerts) as sim:
        run = sim.start(report)
        sim.advance("31m")
        assert run.state == "running"
        assert heard == [f"report {run.id}"]
        sim.advance("30m")
        assert run.state == "succeeded"
        assert sim.local.core.late.told == {"report": 1}
    assert f"run {run.id} of report is late: it has not ended within 1800 s" in caplog.text
