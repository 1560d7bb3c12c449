"""Pools, rates and retry policies of tasks, in virtual time and at load."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from triphammer import flow, task
from triphammer.config.loading import LoadedSettings
from triphammer.config.settings import Settings
from triphammer.service.loading import load
from triphammer.testing import simulate
from triphammer.testing.simulation import Simulation

FLOW = """
from triphammer import flow, task

@task(pool="gpu", slots=SLOTS)
async def train() -> None: ...

@flow
def training():
    train()
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("pools", "slots", "message"),
    [
        ({"gpu": 2}, 2, None),
        ({"gpus": 2}, 1, "names the pool 'gpu', which is not there: did you mean 'gpus'"),
        ({}, 1, "write gpu = 2 below [pools] in triphammer.toml"),
        ({"gpu": 2}, 3, "training: train asks for 3 slots of gpu: it has 2"),
    ],
)
async def test_a_pool_that_is_not_there_is_a_load_error(
    tmp_path: Path, pools: dict[str, int], slots: int, message: str | None
) -> None:
    file = tmp_path / "flows" / "training.py"
    file.parent.mkdir()
    file.write_text(FLOW.replace("SLOTS", str(slots)))
    settings = LoadedSettings(Settings(pools=pools), tmp_path, {}, {})
    found = await load(settings, last={})
    assert bool(found.flows) is (message is None)
    if message is not None:
        [error] = found.errors
        assert str(error).startswith("flows/training.py:")
        assert message in str(error)


def test_attempts_of_all_runs_share_the_slots_and_the_urgent_go_first() -> None:
    active, most, order = set[str](), list[int](), list[str]()

    async def hold(name: str) -> None:
        active.add(name)
        order.append(name)
        most.append(len(active))
        await asyncio.sleep(10)
        active.remove(name)

    @task(pool="gpu")
    async def low(n: int) -> None:
        await hold(f"low {n}")

    @task(pool="gpu", priority=5)
    async def high(n: int) -> None:
        await hold(f"high {n}")

    @flow
    def lows() -> None:
        low.map([0, 1, 2, 3])

    @flow
    def highs() -> None:
        high.map([0, 1])

    with simulate(lows, highs, pools={"gpu": 2}) as sim:
        runs = [sim.start(lows), sim.start(highs)]
        sim.advance("5s")
        assert sim.local.core.engine.pools()["gpu"] == (2, 2, 4)
        sim.advance("1m")
        assert [run.state for run in runs] == ["succeeded"] * 2
        assert sim.local.core.engine.pools()["gpu"] == (2, 0, 0)
    assert order == ["low 0", "low 1", "high 0", "high 1", "low 2", "low 3"]
    assert max(most) == 2


def test_a_cancelled_run_gives_its_slots_back() -> None:
    @task(pool="gpu")
    async def train() -> None:
        await asyncio.sleep(1000)

    @flow
    def training() -> None:
        train()

    with simulate(training, pools={"gpu": 1}) as sim:
        first, waiting, last = [sim.start(training) for _ in range(3)]
        sim.advance("5s")
        sim.call(cancel(sim, waiting.id, first.id))
        sim.advance("1001s")
        assert [r.state for r in (first, waiting, last)] == ["cancelled"] * 2 + ["succeeded"]


async def cancel(sim: Simulation, *runs: str) -> None:
    for run in runs:
        assert sim.local.core.engine.cancel(run, "test")


def test_only_the_errors_that_are_named_are_tried_again() -> None:
    @task(retries=3, backoff="1s", retry_on=(TimeoutError, "httpx.TransportError"))
    async def call(error: str) -> None:
        raise {"timeout": TimeoutError, "value": ValueError}[error](error)

    @task(retries=3, backoff="1s", timeout="5s", retry_on=TimeoutError)
    async def slow() -> None:
        await asyncio.sleep(10)

    @task(retries=3, backoff="1s", never_retry=(LookupError,))
    async def look() -> None:
        raise KeyError("gone")

    @flow
    def calls() -> None:
        call("timeout")
        call("value")
        slow()
        look()

    with simulate(calls) as sim:
        run = sim.start(calls)
        sim.advance("2m")
        attempts = {name: one.attempt for name, one in run.tasks().items()}
    assert attempts == {"call": 4, "call_2": 1, "slow": 4, "look": 1}


def test_a_rate_holds_for_a_plain_task_over_all_runs() -> None:
    begun = list[float]()

    @task(rate="6/m")
    async def ask() -> Any:
        begun.append(asyncio.get_running_loop().time())

    @flow
    def asking() -> None:
        ask()

    with simulate(asking) as sim:
        for _ in range(4):
            sim.start(asking)
        sim.advance("1m")
    assert [round(b - begun[0]) for b in begun] == [0, 10, 20, 30]
