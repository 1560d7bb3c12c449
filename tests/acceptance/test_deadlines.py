"""Timeout and deadline of a run whose daemon is killed meanwhile."""

from __future__ import annotations

from tests.acceptance.conftest import Serve

SLOW = """
import asyncio
from triphammer import flow, task

@task
async def wait() -> None:
    await asyncio.sleep(3600)

@flow(deadline="200ms", timeout="TIMEOUT")
def slow():
    wait()
"""


def test_a_late_run_is_told_of_once_whatever_happens(make_daemon: Serve) -> None:
    daemon = make_daemon({"slow": SLOW.replace("TIMEOUT", "1h")})
    daemon.post("/api/v1/flows/slow/runs", json={"params": {}})
    [run] = daemon.wait_for_runs("slow", 1, "running")

    def late() -> list[object]:
        return list(daemon.get("/api/v1/events", type="triphammer.run.late")["items"])

    [event] = daemon.wait_until(late)
    assert event["data"]["run"] == run["id"]
    daemon.kill()
    daemon.start()
    daemon.wait_until(lambda: daemon.get(f"/api/v1/events/{event['key']}")["duplicates"])
    assert len(late()) == 1
    assert "triphammer_runs_late_total" in daemon.text("/metrics")


def test_a_timeout_counts_from_before_the_kill(make_daemon: Serve) -> None:
    daemon = make_daemon({"slow": SLOW.replace("TIMEOUT", "2s")})
    daemon.post("/api/v1/flows/slow/runs", json={"params": {}})
    [before] = daemon.wait_for_runs("slow", 1, "running")
    daemon.kill()
    daemon.start()
    [run] = daemon.wait_for_runs("slow", 1, "failed")
    assert run["started_at"] == before["started_at"]
    shown = daemon.get(f"/api/v1/runs/{run['id']}")
    assert shown["error"]["type"] == "RunTimeout"
