"""A task's circuit breaker in a daemon that is killed while it is open."""

from __future__ import annotations

from typing import Any

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, state_file_lines

FLOW = """
from pathlib import Path
from triphammer import breaker, flow, task

@task(breaker=breaker("2 in 1h", cooldown="1h"), retries=5, backoff="1ms")
def ask() -> None:
    with Path("calls.txt").open("a") as file:
        file.write("call\\n")
    raise ConnectionError("down")

@flow
def asking():
    ask()
"""


def held(daemon: DaemonProcess, count: int) -> Any:
    """The breaker once it holds back so many attempts."""

    def check() -> Any:
        found = daemon.get("/api/v1/breakers")["items"]
        return found if found and found[0]["waiting"] == count else None

    [one] = daemon.wait_until(check)
    return one


def test_it_is_open_still_after_a_kill(make_daemon: Serve) -> None:
    daemon = make_daemon({"asking": FLOW})
    daemon.post("/api/v1/flows/asking/runs")
    before = held(daemon, 1)
    assert (before["name"], before["state"]) == ("asking/ask", "open")
    daemon.kill()
    daemon.start()
    after = held(daemon, 1)
    assert (after["state"], after["until"]) == ("open", before["until"])
    daemon.post("/api/v1/flows/asking/runs")
    held(daemon, 2)
    assert state_file_lines(daemon.project / "calls.txt") == ["call", "call"]
    assert 'triphammer_breaker_open{breaker="asking/ask"} 1' in daemon.text("/metrics")
    [node] = daemon.get("/api/v1/flows/asking")["graph"]["nodes"]
    assert node["breaker"] == "2 in 3600 s, cooldown 3600 s"
    runs = daemon.runs("asking")
    assert daemon.post(f"/api/v1/runs/{runs[0]['id']}/cancel").status_code == 200
    held(daemon, 1)
