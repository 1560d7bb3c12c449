"""What flows get wrong, as a test of theirs sees it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from triphammer import flow, task
from triphammer.service.errors import CannotServe
from triphammer.testing import simulate
from triphammer.testing.patience import NeverYields


@task
def text() -> str:
    return "abc"


@task
def each(item: str) -> str:
    return item


@task
def lazy() -> Any:
    return (n for n in [1])


@task
async def spins() -> None:
    while True:
        pass


@task
def spins_too() -> None:
    while True:
        pass


@task
async def turns() -> None:
    while True:  # noqa: ASYNC110 - the mistake itself
        await asyncio.sleep(0)


@flow
def mapped() -> object:
    return each.map(text())


@flow
def unstored() -> object:
    return lazy()


@flow
def stuck() -> object:
    return spins()


@flow
def stuck_too() -> object:
    return spins_too()


@flow
def turning() -> object:
    return turns()


@pytest.mark.parametrize(
    ("bad", "node", "said"),
    [
        (mapped, "each", "takes a list of items, got str"),
        (unstored, "lazy", "is a generator and cannot be stored"),
    ],
)
def test_values_that_do_not_fit_fail_their_task(bad: Any, node: str, said: str) -> None:
    with simulate(bad) as sim:
        run = sim.start(bad)
        error = run.task(node).error
        assert (run.state, run.task(node).state) == ("failed", "failed")
        assert error is not None
        assert said in error.message
        assert run.error is not None
        assert run.error.message.startswith(f"{node}: ")


@pytest.mark.parametrize(("bad", "node"), [(stuck, "spins"), (stuck_too, "spins_too")])
def test_a_task_that_never_yields_is_ended_and_named(bad: Any, node: str) -> None:
    with simulate(bad, patience="200ms") as sim:
        run = sim.start(bad)
        assert run.state == "failed"
        assert run.error is not None
        assert run.error.type == "NeverYields"
        assert f"task {node} kept the simulation from going on for 0.2 s" in run.error.message
        assert f"{Path(__file__).name}:" in run.error.message


def test_a_task_that_lets_no_time_pass_ends_the_drive() -> None:
    said = "and others kept the simulation"
    with simulate(turning, patience="200ms") as sim, pytest.raises(NeverYields, match=said):
        sim.start(turning)


def test_a_pool_that_is_not_there() -> None:
    @task(pool="gpu")
    async def train() -> None: ...

    @flow
    def training() -> None:
        train()

    with pytest.raises(CannotServe, match="names the pool 'gpu', which is not there"):
        simulate(training, pools={"gpus": 1})


def test_a_project_with_its_settings_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    (tmp_path / "triphammer.toml").write_text(
        '[pools]\ngpu = 1\n[flows]\ntimezone = "Asia/Seoul"\n'
    )
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "one.py").write_text(
        "from triphammer import Event, cron, flow, task\n"
        '@task(pool="gpu")\nasync def train(): return 1\n'
        '@flow(on=cron("0 9 * * *"))\ndef nightly(event: Event): return train()\n'
    )
    with simulate(project=tmp_path) as sim:
        sim.advance("1h")  # nine in Seoul is midnight in UTC
        sim.advance("1d")
        assert [run.result for run in sim.runs("nightly")] == [1]
    (flows / "two.py").write_text("from triphammer import flow\n\ndef nothing(:\n")
    with pytest.raises(CannotServe, match=r"two\.py:3"):
        simulate(project=tmp_path)
