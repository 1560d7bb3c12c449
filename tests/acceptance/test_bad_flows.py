"""What flows get wrong at run time: in the daemon, and in `triphammer run`, with the same words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import cli, project

BAD = """
import time
from triphammer import flow, task

@task
def text():
    return "abc"

@task
def each(item):
    return item

@task
def lazy():
    return (n for n in [1])

@task
async def spins():
    end = time.monotonic() + 2
    while time.monotonic() < end:
        pass

@flow
def mapped():
    return each.map(text())

@flow
def unstored():
    return lazy()

@flow
def stuck():
    return spins()
"""
POOL = """
from triphammer import flow, task

@task(pool="gpu")
async def train(): ...

@flow
def training():
    train()
"""
SAID = {
    "mapped": "each: its items (",
    "unstored": "is a generator and cannot be stored",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path, {"bad": BAD, "pool": POOL})


@pytest.mark.parametrize("flow", SAID)
def test_run_fails_with_what_is_wrong(folder: Path, flow: str) -> None:
    done = cli(folder, "run", flow)
    assert done.returncode == 1
    assert SAID[flow] in done.stderr


def test_run_names_the_task_that_never_yields(folder: Path) -> None:
    done = cli(folder, "run", "stuck")
    assert done.returncode == 0
    assert "task spins of flow stuck blocks the flow loop at " in done.stderr
    assert "bad.py:" in done.stderr


def test_run_refuses_a_pool_that_is_not_there(folder: Path) -> None:
    done = cli(folder, "run", "training")
    assert done.returncode == 1
    assert "names the pool 'gpu', which is not there" in done.stderr


def test_the_daemon_says_the_same_and_serves_the_rest(make_daemon: Serve) -> None:
    daemon = make_daemon({"bad": BAD, "pool": POOL})
    assert "gpu" in daemon.get("/readyz")["parts"]["flows"]["reason"]
    for flow, said in SAID.items():
        assert daemon.cli("start", flow).returncode == 0
        [run] = daemon.wait_for_runs(flow, state="failed")
        assert said in run["error"]["message"]
    assert daemon.cli("start", "stuck").returncode == 0
    assert "task spins of flow stuck" in daemon.wait_for_line("blocks the flow loop")
    daemon.wait_for_runs("stuck")
