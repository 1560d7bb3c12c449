"""Runs that must not meet, in a daemon that is killed while they wait."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, state_file_lines

JOBS = """
import asyncio
from pathlib import Path
from triphammer import Event, events, flow, task

@task
async def work(key: str, n: int, gate: str | None) -> int:
    with Path("work.txt").open("a") as file:
        file.write(f"begin {key} {n}\\n")
    while gate is not None and not Path(gate).exists():
        await asyncio.sleep(0.01)
    with Path("work.txt").open("a") as file:
        file.write(f"end {key} {n}\\n")
    return n

@flow(on=events(type="job"), mode="MODE", per="data.key")
def jobs(event: Event):
    return work(event.data["key"], event.data["n"], event.data["gate"])
"""
HEADERS = {"content-type": "application/cloudevents+json"}


def post(daemon: DaemonProcess, key: str, n: int, gate: str | None = None) -> Any:
    data = {"key": key, "n": n, "gate": gate}
    event = {"specversion": "1.0", "id": f"{key}{n}", "source": "t", "type": "job", "data": data}
    return daemon.post("/api/v1/events", json=event, headers=HEADERS).json()["events"][0]


def begun(daemon: DaemonProcess, line: str) -> None:
    file = daemon.project / "work.txt"
    daemon.wait_until(lambda: file.exists() and line in state_file_lines(file))


def states(daemon: DaemonProcess) -> list[str]:
    return [run["state"] for run in reversed(daemon.runs("jobs"))]


def test_a_queue_per_key_goes_on_after_a_kill(make_daemon: Serve) -> None:
    daemon = make_daemon({"jobs": JOBS.replace("MODE", "queue")})
    for n in range(3):
        post(daemon, "a", n, "open")
    begun(daemon, "begin a 0")
    daemon.kill()
    daemon.start()
    post(daemon, "b", 0)
    daemon.wait_for_runs("jobs", 1)
    assert states(daemon)[1:3] == ["queued", "queued"]
    (daemon.project / "open").touch()
    daemon.wait_for_runs("jobs", 4)
    lines = [line for line in state_file_lines(daemon.project / "work.txt") if " a " in line]
    assert lines[-5:] == ["end a 0", "begin a 1", "end a 1", "begin a 2", "end a 2"]


def test_what_holds_a_single_key_holds_it_after_a_kill(make_daemon: Serve) -> None:
    daemon = make_daemon({"jobs": JOBS.replace("MODE", "single")})
    post(daemon, "a", 0, "open")
    begun(daemon, "begin a 0")
    daemon.kill()
    daemon.start()
    skipped = post(daemon, "a", 1)
    assert skipped["runs"] == []
    [disposition] = daemon.get(f"/api/v1/events/{skipped['event']}")["dispositions"]
    assert disposition["outcome"] == "skipped"
    assert disposition["detail"].startswith("mode='single': run_")
    (daemon.project / "open").touch()
    daemon.wait_for_runs("jobs", 1)
    assert post(daemon, "a", 2)["runs"] != []
    daemon.wait_for_runs("jobs", 2)


@pytest.mark.parametrize("later", [1, 3])
def test_a_restart_takes_over_across_a_kill(make_daemon: Serve, later: int) -> None:
    daemon = make_daemon({"jobs": JOBS.replace("MODE", "restart")})
    post(daemon, "a", 0, "never")
    begun(daemon, "begin a 0")
    for n in range(1, later):
        post(daemon, "a", n, "never")
    post(daemon, "a", later)
    daemon.kill()
    daemon.start()
    daemon.wait_for_runs("jobs", 1)
    assert states(daemon)[-1] == "succeeded"
    assert set(states(daemon)[:-1]) <= {"cancelled", "superseded"}
    flow = daemon.get("/api/v1/flows/jobs")
    assert (flow["mode"], flow["per"]) == ("restart", "data.key")
