"""Progress of a task, seen from outside while it runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Serve

FLOWS = {
    "counting": """
from pathlib import Path

from triphammer import context, flow, task


@task(timeout="5m")
def count(fifo: str) -> int:
    context().progress(3, 12)
    Path(fifo).read_text()
    return 12


@flow
def in_thread(fifo: str):
    return count(fifo)


@flow
def in_process(fifo: str):
    return count.options(executor="process")(fifo)
""",
}


@pytest.mark.parametrize("flow", ["in_thread", "in_process"])
def test_a_task_shows_how_far_it_is_while_it_runs(
    make_daemon: Serve, tmp_path: Path, flow: str
) -> None:
    daemon = make_daemon(FLOWS)
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    begun = daemon.post(f"/api/v1/flows/{flow}/runs", json={"params": {"fifo": str(fifo)}})
    run = begun.json()["id"]

    def reached() -> Any:
        tasks = daemon.get(f"/api/v1/runs/{run}")["tasks"]
        return tasks[0]["progress"] if tasks else None

    assert daemon.wait_until(reached) == {"done": 3, "total": 12}
    assert daemon.get(f"/api/v1/runs/{run}")["tasks"][0]["state"] == "running"
    assert "3 of 12" in daemon.cli("show", run).stdout
    assert "3 of 12" in daemon.text(f"/runs/{run}")
    fifo.write_text("go")
    daemon.wait_for_runs(flow)
