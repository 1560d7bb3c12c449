"""A backfill in a daemon that is killed in the middle of it, from the command line and the API."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, state_file_lines

REPORT = """
import asyncio
from pathlib import Path
from triphammer import Event, cron, events, flow, task

@task
async def work(due: str, backfill: bool) -> str:
    with Path("work.txt").open("a") as file:
        file.write(f"begin {due}\\n")
    while not Path("open").exists():
        await asyncio.sleep(0.01)
    with Path("work.txt").open("a") as file:
        file.write(f"end {due} {backfill}\\n")
    return due

@flow(on=cron("0 6 * * *", tz="Europe/Berlin"), mode="parallel")
def report(event: Event):
    return work(event.data["due"], event.data["backfill"])

@flow(on=events(type="order"))
def orders():
    return work("order", False)
"""
SPAN = {"from": "2026-03-25", "to": "2026-03-31"}


def cli(daemon: DaemonProcess, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "triphammer", *args, "--url", daemon.url]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def ticks(daemon: DaemonProcess, id: str) -> Any:
    return daemon.get(f"/api/v1/backfills/{id}")["ticks"]


def lines(daemon: DaemonProcess, what: str) -> list[str]:
    file = daemon.project / "work.txt"
    if not file.exists():
        return []
    return [line.split()[1] for line in state_file_lines(file) if line.startswith(what)]


def test_it_goes_on_where_it_was_after_a_kill(make_daemon: Serve) -> None:
    daemon = make_daemon({"report": REPORT})
    plan = daemon.post("/api/v1/flows/report/backfills/plan", json=SPAN).json()
    assert plan["ticks"] == {"pending": 7}
    assert lines(daemon, "begin") == []
    answer = daemon.post("/api/v1/flows/report/backfills", json={**SPAN, "max_parallel": 2})
    backfill = answer.json()
    assert (answer.status_code, backfill["state"], backfill["total"]) == (202, "running", 7)
    daemon.wait_until(lambda: len(lines(daemon, "begin")) == 2)
    daemon.kill()
    daemon.start()
    daemon.wait_until(lambda: len(lines(daemon, "begin")) == 4)
    assert ticks(daemon, backfill["id"]) == {"pending": 5, "running": 2}
    (daemon.project / "open").touch()
    daemon.wait_until(lambda: ticks(daemon, backfill["id"]) == {"succeeded": 7})
    told = daemon.get(f"/api/v1/backfills/{backfill['id']}")
    assert told["state"] == "succeeded"
    # 06:00 in Berlin: the clocks go forward on the 29th.
    hours = [item["due"][11:13] for item in told["items"]]
    assert hours == ["05"] * 4 + ["04"] * 3
    ended = Counter(lines(daemon, "end"))
    assert ended == Counter(item["due"] for item in told["items"])
    second = daemon.post("/api/v1/flows/report/backfills", json=SPAN).json()
    assert (second["state"], second["ticks"]) == ("succeeded", {"skipped": 7})
    [newest, oldest] = daemon.get("/api/v1/backfills?flow=report")["items"]
    assert (newest["id"], oldest["id"]) == (second["id"], backfill["id"])


def test_from_the_command_line(make_daemon: Serve) -> None:
    daemon = make_daemon({"report": REPORT})
    (daemon.project / "open").touch()
    span = ("--from", "2026-03-25", "--to", "2026-03-27")
    dry = cli(daemon, "backfill", "report", *span, "--dry-run")
    assert "3 to run, 0 to skip; nothing was done" in dry.stdout
    assert daemon.runs("report") == []
    done = cli(daemon, "backfill", "report", *span, "--wait", "--order", "newest", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["state"]) == (0, "succeeded"), done.stderr
    assert lines(daemon, "end")[0].startswith("2026-03-27")
    again = cli(daemon, "backfill", "report", *span, "--again", "--wait")
    assert "3 succeeded of 3" in again.stdout
    assert len(daemon.runs("report")) == 6
    shown = cli(daemon, "backfills", "show", answer["id"][:25])
    assert "2026-03-25T05:00:00Z" in shown.stdout
    assert "succeeded" in cli(daemon, "backfills").stdout
    over = cli(daemon, "backfills", "cancel", answer["id"])
    assert "is over: it is succeeded" in over.stderr
    without = cli(daemon, "backfill", "orders", *span)
    assert (without.returncode, without.stdout) == (1, "")
    assert "orders has no schedule (every, cron, at)" in without.stderr
    assert "no flow is named 'reprot'" in cli(daemon, "backfill", "reprot", *span).stderr
    wrong = daemon.post(
        "/api/v1/flows/report/backfills", json={"from": "2026-03-02", "to": "2026-03-01"}
    )
    assert wrong.status_code == 422
    assert "is after to=" in wrong.json()["detail"]
