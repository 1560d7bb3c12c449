"""The simulation itself: time, restarts, faults, what can be looked at."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio.to_thread
import pytest

from triphammer import (
    Event,
    context,
    cron,
    events,
    every,
    finished,
    flow,
    task,
    to_email,
    wait_for,
    webhook,
)
from triphammer.testing import posted_event, simulate, webhook_event

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


@task(retries=3, backoff="1m")
async def fetch(n: int) -> int:
    print("fetching", n)
    await asyncio.sleep(10)
    return n


@task
def add(numbers: list[int]) -> int:
    logging.getLogger(__name__).warning("adding")
    return sum(numbers)


@flow
def adding() -> object:
    return add(fetch.map([1, 2, 3]))


def test_what_there_is_to_see_of_a_run() -> None:
    with simulate(adding) as sim:
        run = sim.start(adding)
        assert run.state == "running"
        sim.advance("10s")
        assert (run.state, run.result, run.flow) == ("succeeded", 6, "adding")
        assert run.order == ["fetch[0]", "fetch[1]", "fetch[2]", "add"]
        assert run.finished_at == START + timedelta(seconds=10)
        assert [line.text for line in run.logs("fetch[1]")] == ["fetching 2"]
        assert [line.level for line in run.logs("add")] == ["WARNING"]
        with pytest.raises(KeyError, match="no task 'gone'"):
            run.task("gone")


def test_a_task_fails_as_often_as_the_test_wants() -> None:
    with simulate(adding) as sim:
        sim.fail("fetch[1]", 2, error=ConnectionError("away"), flow=adding)
        sim.fail("add", flow="another")
        run = sim.start(adding)
        sim.run_until_idle()
        assert run.state == "succeeded"
        one = run.task("fetch[1]")
        assert (one.attempt, [f.error.message for f in one.failures]) == (3, ["away", "away"])
        assert run.task("fetch[0]").attempt == 1
        sim.fail("add", None)
        failed = sim.start(adding)
        sim.run_until_idle()
        assert failed.state == "failed"
        assert failed.error is not None
        assert "add fails: the test wants it so" in failed.error.message


def test_a_restart_goes_on_from_the_journal() -> None:
    begun = list[tuple[str, int]]()

    @task
    async def first() -> int:
        begun.append(("first", context().attempt))
        return 1

    @task
    async def second(n: int) -> int:
        begun.append(("second", context().attempt))
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return 1000  # what a killed attempt makes of it never counts
        return n + 1

    @flow
    def chain() -> object:
        return second(first())

    with simulate(chain) as sim:
        run = sim.start(chain)
        sim.advance("30s")
        sim.restart()
        assert run.state == "running"
        sim.advance("61s")
        assert (run.state, run.result) == ("succeeded", 2)
    assert [name for name, _ in begun] == ["first", "second", "second"]


def test_waits_survive_a_restart_and_take_no_time_of_anybody() -> None:
    @flow(on=events(type="order"))
    def shipping(event: Event) -> object:
        paid = wait_for({"type": ["paid"], "data": {"order": [event.data["order"]]}}, timeout="14d")
        return paid.data["amount"]

    with simulate(shipping) as sim:
        runs = [sim.emit(posted_event("order", {"order": n})) for n in (1, 2)]
        sim.advance("1d")
        sim.restart(down="1h")
        assert [run.state for run in runs] == ["waiting"] * 2
        assert sim.emit_all(posted_event("paid", {"order": 2, "amount": 5})) == []
        assert (runs[1].state, runs[1].result) == ("succeeded", 5)
        sim.run_until_idle()
        error = runs[0].error
        assert error is not None
        assert error.type == "WaitTimeout"
        assert runs[0].finished_at == START + 14 * DAY


def test_who_is_told_of_a_failure_by_mail() -> None:
    @flow(notify=[to_email("ops@example.com", connection="smtp")])
    def alarming() -> None:
        add("x")  # pyright: ignore[reportArgumentType] - the mistake

    with simulate(alarming, connections={"smtp": {"host": "mail.example.com"}}) as sim:
        sim.start(alarming)
        [mail] = sim.mailed("ops@example.com")
        assert mail.state == "delivered"
        assert b"alarming" in (mail.body or b"")


def test_ticks_that_fall_into_a_stop_are_made_up_for_as_the_flow_says() -> None:
    @flow(on=every("1h", missed="all"))
    def all_of_them(event: Event) -> object:
        return event.data["due"]

    @flow(on=every("1h", missed="none"))
    def none_of_them(event: Event) -> None: ...

    with simulate(all_of_them, none_of_them) as sim:
        sim.advance("90m")
        sim.restart(down="4h")
        assert len(sim.runs(all_of_them)) == 5
        sim.advance("1h")
        assert (len(sim.runs(all_of_them)), len(sim.runs(none_of_them))) == (6, 2)


def test_time_goes_to_a_moment_and_never_back() -> None:
    @flow(on=cron("0 6 * * *", tz="Asia/Seoul"))
    def daily(event: Event) -> None: ...

    with simulate(daily, start=START) as sim:
        sim.advance_to(START + 3 * DAY)
        assert sim.now == START + 3 * DAY
        assert len(sim.runs(daily)) == 3
        with pytest.raises(ValueError, match="already"):
            sim.advance_to(START)


def test_what_never_ends_is_named() -> None:
    @task
    async def endless() -> None:
        await asyncio.Event().wait()

    @flow
    def stuck() -> None:
        endless()

    with simulate(stuck) as sim:
        sim.start(stuck)
        with pytest.raises(TimeoutError, match=r"after 1h: stuck \(running\)"):
            sim.run_until_idle("1h")


def test_a_paused_flow_waits_and_a_cancelled_run_ends() -> None:
    with simulate(adding) as sim:
        sim.pause(adding)
        run = sim.start(adding)
        sim.advance("1d")
        assert run.state == "queued"
        sim.resume("adding")
        assert run.state == "running"
        sim.cancel(run)
        assert run.state == "cancelled"


@pytest.mark.parametrize("now", [False, True])
def test_a_cancelled_run_is_tidied_up_unless_it_is_to_end_now(now: bool) -> None:
    @task
    async def work() -> None:
        await asyncio.sleep(3600)

    @task
    def tidy() -> None: ...

    @flow(teardown=tidy)
    def tidied() -> None:
        work()

    with simulate(tidied) as sim:
        run = sim.start(tidied)
        sim.cancel(run, now=now)
        sim.run_until_idle()
        assert (run.state, run.order) == ("cancelled", ["work"] if now else ["work", "tidy"])


def test_flows_that_listen_to_the_ends_of_others() -> None:
    @task
    def book(bad: bool) -> None:
        if bad:
            raise ValueError("no good")

    @flow(on=events(type="order"))
    def orders(event: Event) -> None:
        book(event.data["bad"])

    @flow(on=finished(orders, state="failed"))
    def alarm(event: Event) -> object:
        return event.data["failed_tasks"]

    with simulate(orders, alarm) as sim:
        for bad in (False, True):
            sim.emit(posted_event("order", {"bad": bad}))
        [first, _] = sim.events("order")
        assert (first.time, first.received_at) == (START, START)
        [rung] = sim.runs(alarm)
        assert rung.result == ["book"]


def test_why_an_event_began_no_run() -> None:
    @flow(on=webhook("deploy").where({"data": {"ref": ["main"]}}))
    def deploys(event: Event) -> None: ...

    with simulate(deploys) as sim:
        other = webhook_event("deploy", {"ref": "dev"})
        with pytest.raises(LookupError, match="no flow began a run: deploys: filtered"):
            sim.emit(other)
        assert "ref" in sim.why(other)["deploys"]
        good = webhook_event("deploy", {"ref": "main"})
        sim.emit(good)
        assert sim.why(good) == {"deploys": "ran"}
        assert [sim.emit(good).id] == [run.id for run in sim.runs()]  # it came before


def test_time_stands_still_while_a_worker_thread_is_at_work() -> None:
    def slow() -> int:
        time.sleep(0.05)
        return 1

    @task(timeout="1s")
    async def threads() -> int:
        one = await asyncio.to_thread(slow)
        return one + await anyio.to_thread.run_sync(slow)

    @flow
    def threading() -> object:
        return threads()

    with simulate(threading) as sim:
        run = sim.start(threading)
        assert (run.state, run.result) == ("succeeded", 2)
        assert run.finished_at == START


async def _async_use() -> str:
    async with simulate(adding) as sim:
        run = sim.start(adding)
        sim.advance("1m")
        return run.state


def test_it_works_inside_a_running_loop() -> None:
    assert asyncio.run(_async_use()) == "succeeded"


def test_what_tasks_leave_behind_on_the_loop_is_ended() -> None:
    ended = list[str]()

    async def background() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("background")

    left = list[Any]()

    @task
    async def leaving() -> None:
        left.append(asyncio.get_running_loop().create_task(background()))

    @flow
    def leave() -> None:
        leaving()

    with simulate(leave) as sim:
        sim.start(leave)
    assert ended == ["background"]


def test_outside_of_its_context_it_says_how_to_use_it() -> None:
    with pytest.raises(RuntimeError, match="use it as"):
        simulate(adding).start(adding)
