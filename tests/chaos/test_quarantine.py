"""A run that crashes the daemon is given up after a few recoveries; the daemon stays up."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, NotUp

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

FLOWS = {
    "work": """
import asyncio, signal
from triphammer import Event, events, flow, task

@task
async def crash() -> None:
    signal.raise_signal(signal.SIGSEGV)

@task
async def hold() -> str:
    await asyncio.sleep(0.2)
    return "held"

@flow(on=events(type="bad"))
def bad(event: Event) -> object:
    return crash()

@flow(on=events(type="good"))
def good(event: Event) -> object:
    return hold()
""",
}
HEADERS = {"content-type": "application/cloudevents-batch+json"}


def post(daemon: DaemonProcess, type: str, count: int) -> None:
    body = [
        {"specversion": "1.0", "id": f"{type}{n}", "source": "t", "type": type}
        for n in range(count)
    ]
    daemon.post("/api/v1/events", json=body, headers=HEADERS)


def started_until_it_stays(daemon: DaemonProcess) -> int:
    """Start it as a supervisor would, until the bad run has ended; how often."""
    starts = 0
    while True:
        starts += 1
        try:
            daemon.start()
            daemon.wait_for_runs("bad", state="failed")
        except (NotUp, httpx.TransportError, StopIteration):
            daemon.kill()
            continue
        return starts


def test_a_run_that_crashes_the_daemon_is_quarantined(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    post(daemon, "good", 8)
    with suppress(httpx.TransportError):  # it dies before or after its answer
        post(daemon, "bad", 1)
    daemon.wait()
    starts = started_until_it_stays(daemon)
    assert 3 <= starts <= 6
    [said, *_] = [line for line in daemon.printed if "the process before ended with" in line]
    assert "Segmentation fault" in said
    assert "in crash" in said
    [run] = daemon.runs("bad")
    shown = daemon.get(f"/api/v1/runs/{run['id']}")
    assert shown["error"]["type"] == "Quarantined"
    assert "the daemon crashed 5 times while this run was under way" in shown["error"]["message"]
    daemon.wait_for_runs("good", 8)
    post(daemon, "good", 9)
    daemon.wait_for_runs("good", 9)
    assert daemon.stop() == 0
