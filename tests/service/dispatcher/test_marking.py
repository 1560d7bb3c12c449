"""Tasks and runs that count as an operator says."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from tests.service.dispatcher.test_modes import Diary, job, never_overlapping, states, worker
from tests.service.dispatcher.test_retry import flaky, ordered, tick
from triphammer import events, flow, loop, sleep, task
from triphammer.flows.errors import UnknownTask, ValueMisfit
from triphammer.service.dispatcher.marking import RunMark, TaskMark
from triphammer.service.dispatcher.redrive import Redrive
from triphammer.service.dispatcher.retry import Asked
from triphammer.service.errors import StateForbids
from triphammer.service.store.contract import Page
from triphammer.testing import simulate
from triphammer.testing.results import SimulatedRun
from triphammer.testing.simulation import Simulation


@task
async def slow(n: int = 0) -> int:
    await asyncio.sleep(1000)
    return n


@task(retries=9, backoff="1h")
def unlucky(n: int = 0) -> int:
    raise LookupError("not yet")


@task
def double(n: int) -> int:
    return n * 2


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task
def some() -> list[int]:
    return [1, 2, 3]


def mark_run(sim: Simulation, run: SimulatedRun, state: RunMark) -> None:
    sim.call(sim.operations.mark_run(run.id, state, Asked(by="me"), reason="as agreed"))
    sim.settle()


def done(sim: Simulation, run: SimulatedRun) -> list[str]:
    operations = sim.call(sim.local.store.operations(run.id))
    return [f"{o.by} {o.what} {o.detail}" for o in operations]


# --- of runs that have ended -------------------------------------------------------------------


def test_what_stands_behind_a_marked_task_runs_by_a_retry() -> None:
    shaky, seen = flaky(9)

    @flow(on=events(type="tick"))
    def behind() -> object:
        return double(shaky())

    with simulate(behind) as sim:
        run = sim.emit(tick())
        assert run.state == "failed"
        sim.mark(run, "shaky/second", "succeeded", 21)
        assert (run.state, run.task("shaky/second").state) == ("failed", "succeeded")
        sim.retry(run, failed_only=True)
        assert (run.state, run.result) == ("succeeded", 42)
        assert done(sim, run) == ["test mark shaky/second succeeded", "test retry what failed"]
    assert seen == [("first", 1), ("second", 1)]


def test_a_task_that_is_marked_failed_or_skipped() -> None:
    @flow(on=events(type="tick"))
    def pair() -> object:
        return double(double(1))

    with simulate(pair) as sim:
        run = sim.emit(tick())
        sim.mark(run, "double", "failed")
        sim.retry(run, "double_2")
        assert (run.state, run.task("double_2").state) == ("failed", "skipped")
        assert run.error is not None
        assert run.error.message == "double: marked failed by test"
        sim.mark(run, "double", "skipped")
        sim.retry(run, failed_only=True)
        assert (run.state, run.task("double_2").state) == ("succeeded", "skipped")
        assert run.task("double").attempt == 1


def test_an_item_that_is_marked() -> None:
    @task
    def picky(n: int) -> int:
        if n == 2:
            raise LookupError("no such number")
        return n

    @flow(on=events(type="tick"))
    def mapped() -> object:
        return total(picky.map(some()))

    with simulate(mapped) as sim:
        run = sim.emit(tick())
        with pytest.raises(StateForbids, match="picky is made of items or turns: mark those"):
            sim.mark(run, "picky", "succeeded", [1])
        sim.mark(run, "picky[1]", "succeeded", 20)
        assert run.task("picky").state == "pending", "to be concluded again"
        sim.retry(run, failed_only=True)
        assert (run.state, run.result) == ("succeeded", 24)
        assert [run.task(f"picky[{n}]").attempt for n in range(3)] == [1, 1, 1]


def test_a_task_inside_an_item_that_is_marked() -> None:
    @flow
    def inside(n: int) -> object:
        return unlucky.options(retries=0)(double(n))

    @flow(on=events(type="tick"))
    def outside() -> object:
        return total(inside.map([1, 2]))

    with simulate(outside) as sim:
        run = sim.emit(tick())
        for item in range(2):
            sim.mark(run, f"inside[{item}]/unlucky", "succeeded", item)
        with pytest.raises(StateForbids, match="is made of tasks: mark those inside it"):
            sim.mark(run, "inside[0]", "succeeded", 1)
        sim.retry(run, failed_only=True)
        assert (run.state, run.result) == ("succeeded", 1)
        assert run.task("inside[0]/double").attempt == 1


def test_a_turn_that_is_marked() -> None:
    @task
    def step(last: int) -> int:
        if last == 1:
            raise LookupError("no")
        return last + 1

    @flow(on=events(type="tick"))
    def turning() -> object:
        return loop(step, 0, until=lambda last: last >= 6, max=9)

    with simulate(turning) as sim:
        run = sim.emit(tick())
        sim.mark(run, "step[1]", "succeeded", 5)
        sim.retry(run, failed_only=True)
        assert (run.state, run.result) == ("succeeded", 6)


def test_a_marked_result_is_what_the_task_could_return() -> None:
    @flow(on=events(type="tick"))
    def pair() -> object:
        return double(double(1))

    with simulate(pair) as sim:
        run = sim.emit(tick())
        with pytest.raises(ValueMisfit, match="the result of double"):
            sim.mark(run, "double", "succeeded", "many")
        with pytest.raises(ValueMisfit, match="the result of double"):
            sim.mark(run, "double", "succeeded")
        with pytest.raises(ValueMisfit, match="that is marked failed has no result"):
            sim.mark(run, "double", "failed", 3)
        with pytest.raises(UnknownTask, match="did you mean 'double'"):
            sim.mark(run, "doubel", "succeeded", 3)
        assert run.task("double").result == 2


def test_a_run_that_is_marked_lets_those_behind_it_go() -> None:
    with simulate(ordered([])) as sim:
        first, second = sim.emit(tick(0, key="a")), sim.emit_all(tick(1, key="a"))[0]
        with pytest.raises(StateForbids, match="is queued: cancel it first"):
            mark_run(sim, second, "succeeded")
        mark_run(sim, first, "succeeded")
        assert (first.state, first.error, second.state) == ("succeeded", None, "succeeded")
        assert sim.call(sim.local.store.dead_runs(Page())) == []
        mark_run(sim, second, "failed")
        assert second.error is not None
        assert second.error.message == "marked failed by me: as agreed"
        assert done(sim, second) == ["me mark run failed: as agreed"]


def test_with_the_same_key_at_once_its_key_is_let_go_once() -> None:
    diary = Diary()
    with simulate(worker(diary, order_by="data.key", max_runs=5)) as sim:
        first = sim.emit(job(0, takes=-1))
        for n in (1, 2):
            sim.emit(job(n))
        sim.advance("1s")
        asked = Asked(by="me", key="k")

        async def both() -> None:
            async with anyio.create_task_group() as group:
                for _ in range(2):
                    group.start_soon(sim.operations.mark_run, first.id, "succeeded", asked)

        sim.call(both())
        sim.advance("12s")
        sim.emit(job(3))
        sim.advance("1h")
        assert states(sim) == ["succeeded"] * 4
        assert len(done(sim, first)) == 1
    never_overlapping(diary, 5)


def test_a_run_that_was_marked_failed_is_redriven_behind_those_that_it_let_go() -> None:
    diary = Diary()
    with simulate(worker(diary, order_by="data.key", max_runs=5)) as sim:
        first = sim.emit(job(0, takes=-1))
        sim.emit(job(1))
        mark_run(sim, first, "failed")
        sim.advance("1s")
        core = sim.local.core
        redrive = Redrive(
            store=sim.local.store,
            library=core.library,
            starter=core.starter,
            clock=core.edges.clock,
            hub=core.hub,
        )
        sim.call(redrive.run(first.id))
        sim.advance("1s")
        assert states(sim) == ["failed", "running", "queued"]
        sim.emit(job(2))
        sim.advance("1h")
        assert states(sim) == ["failed", "succeeded", "failed", "queued"]
        assert diary.told()[-2:] == [("begin", "a", 0), ("end", "a", 0)]
    never_overlapping(diary, 5)


# --- of runs under way -------------------------------------------------------------------------


@flow(on=events(type="tick"))
def going() -> object:
    return double(slow(1)), double(unlucky(2))


def test_under_way_the_attempt_is_stopped_and_the_rest_goes_on() -> None:
    with simulate(going) as sim:
        run = sim.emit(tick())
        sim.advance("1s")
        assert {run.task(name).state for name in ("slow", "unlucky")} == {"running", "retrying"}
        sim.mark(run, "slow", "succeeded", 5)
        assert (run.task("slow").state, run.task("double").result) == ("succeeded", 10)
        sim.mark(run, "unlucky", "succeeded", 6)
        assert (run.state, run.result) == ("succeeded", [10, 12])
        sim.advance("2d")
        assert run.task("unlucky").attempt == 1, "its retry is not due any more"


def test_what_has_not_begun_is_skipped() -> None:
    with simulate(going) as sim:
        run = sim.emit(tick())
        sim.advance("1s")
        sim.mark(run, "double", "skipped")
        sim.mark(run, "double_2", "failed")
        with pytest.raises(StateForbids, match="double has ended: it skipped"):
            sim.mark(run, "double", "failed")
        with pytest.raises(UnknownTask, match="no task 'dubble'"):
            sim.mark(run, "dubble", "failed")
        sim.mark(run, "unlucky", "failed")
        sim.advance("1h")
        assert run.state == "failed"
        assert run.task("slow").result == 1


def test_items_under_way_and_their_places() -> None:
    @flow(on=events(type="tick"))
    def mapped() -> object:
        slows = slow.options(max_parallel=2).map(some())
        return total(slows), total(unlucky.options(max_parallel=1).map(some()))

    with simulate(mapped) as sim:
        run = sim.emit(tick())
        sim.advance("1s")
        with pytest.raises(StateForbids, match="made of items or turns"):
            sim.mark(run, "slow", "failed")
        sim.mark(run, "slow[1]", "skipped")
        for item in range(3):
            sim.advance("1s")
            sim.mark(run, f"unlucky[{item}]", "succeeded", 10 * item)
        sim.advance("1h")
        assert (run.state, run.result) == ("succeeded", [4, 30])


def test_a_wait_that_is_marked_is_over() -> None:
    @flow(on=events(type="tick"))
    def waiting() -> object:
        return slow(), sleep("30d") >> double(2)

    with simulate(waiting) as sim:
        run = sim.emit(tick())
        sim.advance("1s")
        assert run.task("sleep").state == "waiting"
        sim.mark(run, "sleep", "succeeded")
        assert run.task("double").state == "succeeded"
        assert run.state == "running"
        sim.mark(run, "slow", "skipped")
        assert run.state == "succeeded"


@pytest.mark.parametrize("state", ["succeeded", "skipped", "failed"])
def test_a_run_of_which_only_waits_are_left_goes_on(state: TaskMark) -> None:
    @flow(on=events(type="tick"))
    def waiting() -> object:
        return sleep("30d") >> double(2)

    with simulate(waiting) as sim:
        run = sim.emit(tick())
        sim.advance("1s")
        assert run.state == "waiting"
        with pytest.raises(StateForbids, match="only waits, and of it nothing is under way"):
            sim.mark(run, "double", "skipped")
        sim.mark(run, "sleep", state)
        sim.advance("1s")
        ended = {"succeeded": "succeeded", "skipped": "succeeded", "failed": "failed"}
        assert (run.state, run.task("sleep").state) == (ended[state], state)
        assert run.task("double").state == ("succeeded" if state == "succeeded" else "skipped")
        assert done(sim, run) == [f"test mark sleep {state}"]


def test_what_was_marked_stays_so_after_a_restart() -> None:
    with simulate(going) as sim:
        run = sim.emit(tick())
        sim.advance("1s")
        sim.mark(run, "slow", "succeeded", 5)
        sim.restart()
        sim.mark(run, "unlucky", "skipped")
        assert (run.state, run.task("slow").result) == ("succeeded", 5)


def test_a_run_that_is_being_cancelled_or_has_not_begun() -> None:
    @flow(on=events(type="tick"), mode="queue", teardown=slow)
    def one_by_one() -> object:
        return slow.options(name="work")(1)

    with simulate(one_by_one) as sim:
        run, second = sim.emit(tick(0)), sim.emit(tick(1))
        sim.advance("1s")
        with pytest.raises(StateForbids, match="is queued, and has not begun"):
            sim.mark(second, "work", "skipped")
        sim.cancel(run)
        with pytest.raises(StateForbids, match="being cancelled"):
            sim.mark(run, "slow", "skipped")
