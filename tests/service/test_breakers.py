"""Circuit breakers of tasks, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from triphammer import Fail, Skip, breaker, flow, task
from triphammer.flows.engine.breakers import PREFIX
from triphammer.flows.errors import GraphError
from triphammer.testing import Simulation, simulate

calls: list[str] = []
down: set[str] = set()


@pytest.fixture(autouse=True)
def fresh() -> None:
    calls.clear()
    down.clear()


async def call(what: str) -> str:
    calls.append(what)
    await asyncio.sleep(1)
    if "service" in down:
        raise ConnectionError("it is down")
    return what


@task(breaker="3 in 1m", retries=20, backoff="1s")
async def ask(what: str) -> str:
    return await call(what)


@flow(max_runs=100)
def asking(what: str) -> Any:
    return ask(what)


def count(sim: Simulation, name: str = "asking/ask") -> Any:
    return sim.local.core.engine.breakers()[name]


def test_open_attempts_wait_until_a_probe_succeeds() -> None:
    down.add("service")
    with simulate(asking) as sim:
        first = sim.start(asking, what="first")
        sim.advance("10s")
        assert len(calls) == 3, "it opened"
        others = [sim.start(asking, what=f"{n}") for n in range(10)]
        sim.advance("20s")
        assert len(calls) == 3
        assert (count(sim).state, count(sim).waiting) == ("open", 11)
        assert first.state == "running"
        sim.advance("20s")  # a probe fails, and opens it anew
        assert len(calls) == 4
        down.clear()
        sim.advance("40s")
        assert len(calls) == 4 + 11
        assert {run.state for run in (first, *others)} == {"succeeded"}
        assert (count(sim).state, count(sim).waiting, count(sim).until) == ("closed", 0, None)
        assert sim.call(sim.local.store.flow_state("asking")) == {}


def test_one_probe_at_a_time() -> None:
    down.add("service")
    with simulate(asking) as sim:
        sim.start(asking, what="first")
        sim.advance("10s")
        for n in range(5):
            sim.start(asking, what=f"{n}")
        sim.advance("5m")
        # Every 30 s and the second that the probe takes.
        assert len(calls) == 3 + 9


def test_failures_that_lie_far_apart_do_not_open_it() -> None:
    @task(breaker="3 in 1m", retries=9, backoff="40s")
    async def seldom() -> str:
        return await call("x")

    @flow
    def asking_seldom() -> Any:
        return seldom()

    down.add("service")
    with simulate(asking_seldom) as sim:
        run = sim.start(asking_seldom)
        sim.advance("10m")
        assert run.state == "failed"
        assert len(calls) == 10


@task(breaker=breaker("2 in 1m", cooldown="1m", when_open="fail"))
async def hasty(what: str) -> str:
    return await call(what)


@flow(max_runs=100)
def hurried(what: str) -> Any:
    return hasty(what)


def test_attempts_fail_at_once_where_that_is_wanted() -> None:
    down.add("service")
    with simulate(hurried) as sim:
        for n in range(2):
            sim.start(hurried, what=f"{n}")
            sim.advance("2s")
        run = sim.start(hurried, what="2")
        sim.advance("1ms")
        assert run.state == "failed"
        assert run.error is not None
        assert run.error.type == "BreakerOpen"
        assert run.task("hasty").attempt == 1
        assert len(calls) == 2
        sim.advance("1m")
        down.clear()
        runs = [sim.start(hurried, what=f"{n}") for n in range(3)]
        sim.advance("2s")
        assert [one.state for one in runs] == ["succeeded", "failed", "failed"]
        again = sim.start(hurried, what="again")
        sim.advance("2s")
        assert again.state == "succeeded"


SHARED = breaker("2 in 1m", name="billing")


@task(breaker=SHARED)
async def one(what: str) -> str:
    return await call(what)


@task(breaker=SHARED)
async def two(what: str) -> str:
    return await call(what)


@flow(max_runs=100)
def first_flow() -> Any:
    return one("one")


@flow
def second_flow() -> Any:
    return two("two")


def test_a_named_one_is_shared_by_flows() -> None:
    down.add("service")
    with simulate(first_flow, second_flow) as sim:
        for _ in range(2):
            sim.start(first_flow)
        sim.advance("2s")
        run = sim.start(second_flow)
        sim.advance("10s")
        assert run.tasks() == {}
        assert calls == ["one", "one"]
        assert count(sim, "billing").waiting == 1


@task(breaker="1 in 1m")
async def odd(number: int) -> int:
    calls.append(f"{number}")
    if number == 1:
        raise Skip("not this")
    if number == 2:
        raise Fail("never this")
    return number


@flow
def odds() -> Any:
    return odd.options(errors="skip").map([1, 2, 3])


def test_neither_skip_nor_fail_is_the_services_fault() -> None:
    with simulate(odds) as sim:
        run = sim.start(odds)
        assert run.result == [3]
        assert count(sim, "odds/odd").state == "closed"


@task(breaker="2 in 1m", retries=9, backoff="1s")
async def item(number: int) -> str:
    return await call(f"{number}")


@flow
def mapped() -> Any:
    return item.options(max_parallel=2).map(range(6))


def test_items_of_a_map_wait_as_well() -> None:
    down.add("service")
    with simulate(mapped) as sim:
        run = sim.start(mapped)
        sim.advance("20s")
        assert len(calls) == 3, "one took the place of the first that failed"
        down.clear()
        sim.advance("3m")
        assert run.state == "succeeded"
        assert run.result == [f"{n}" for n in range(6)]


def test_a_cancelled_probe_makes_way() -> None:
    down.add("service")
    with simulate(asking) as sim:
        first = sim.start(asking, what="first")
        sim.advance("10s")
        second = sim.start(asking, what="second")
        down.clear()
        sim.advance("25.5s")
        assert len(calls) == 4, "the probe is under way"

        async def cancel() -> bool:
            return sim.local.core.engine.cancel(first.id, "enough")

        assert sim.call(cancel())
        sim.advance("2m")
        assert (first.state, second.state) == ("cancelled", "succeeded")


@task(breaker="1 in 1m", pool="slow")
async def pooled(what: str) -> str:
    return await call(what)


@task(pool="slow")
async def hog() -> None:
    await asyncio.sleep(100)


@flow(max_runs=9)
def with_pool(what: str) -> Any:
    return pooled(what)


@flow
def hogging() -> Any:
    return hog()


def test_a_probe_that_waits_for_its_slot_and_is_cancelled_makes_way() -> None:
    down.add("service")
    with simulate(with_pool, hogging, pools={"slow": 1}) as sim:
        sim.start(with_pool, what="first")
        sim.advance("2s")
        sim.start(hogging)
        second, third = (sim.start(with_pool, what=what) for what in ("second", "third"))
        down.clear()
        sim.advance("40s")
        assert calls == ["first"]

        async def cancel() -> bool:
            return sim.local.core.engine.cancel(second.id, "enough")

        assert sim.call(cancel())
        sim.advance("5m")
        assert (second.state, third.state) == ("cancelled", "succeeded")


def test_that_it_is_open_is_kept() -> None:
    down.add("service")
    with simulate(asking) as sim:
        sim.start(asking, what="first")
        sim.advance("10s")
        kept = sim.call(sim.local.store.flow_state("asking"))
        until = count(sim).until
        assert kept == {PREFIX + "asking/ask": b"%d" % until}


@pytest.mark.parametrize(
    ("limit", "more", "message"),
    [
        ("5", {}, r'breaker\(\'5\'\): must be such as "5 in 1m"'),
        ("0 in 1m", {}, "must be such as"),
        ("5 in soon", {}, "soon"),
        ("5 in 1m", {"cooldown": 0}, "longer than nothing"),
        ("5 in 1m", {"name": "a b"}, "a name is a text without spaces"),
        ("5 in 1m", {"when_open": "run"}, "must be 'wait' or 'fail'"),
    ],
)
def test_bad_input(limit: str, more: Any, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        breaker(limit, **more)


@pytest.mark.parametrize("wrong", ["often", 5, True])
def test_bad_options(wrong: Any) -> None:
    with pytest.raises(GraphError, match=r"breaker=.*must be such as"):
        task(breaker=wrong)(call)
