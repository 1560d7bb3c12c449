"""What systemd hears of a real daemon."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.acceptance.conftest import Serve
from tests.support.systemd import Listener

FLOWS = {
    "blocks": """
import os, time
from pathlib import Path
from triphammer import Event, events, flow, task

@task
async def sleeps() -> int:
    while not Path("enough").exists():
        time.sleep(0.05)
    return 1

@task
def environment() -> list[str]:
    return [name for name in os.environ if name.startswith(("NOTIFY_", "WATCHDOG_"))]

@flow(on=events(type="block"))
def blocking(event: Event) -> object:
    return sleeps()

@flow(on=events(type="look"))
def looking(event: Event) -> object:
    return environment()
""",
}
WATCHDOG = {"WATCHDOG_USEC": "400000"}


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as found:
        yield found


def test_the_life_of_a_unit(make_daemon: Serve, listener: Listener) -> None:
    daemon = make_daemon(FLOWS, env={"NOTIFY_SOCKET": listener.address, **WATCHDOG})
    ready = listener.wait_for("READY")
    assert httpx.get(f"{daemon.url}/readyz", trust_env=False).status_code == 200
    assert ready["STATUS"] == f"serving 2 flows at {daemon.url}"

    (daemon.project / "flows" / "broken.py").write_text("1 +")
    daemon.signal(signal.SIGHUP)
    assert int(listener.wait_for("RELOADING")["MONOTONIC_USEC"]) > 0
    again = listener.wait_for("READY")["STATUS"]
    assert "broken.py" in again
    assert "serving 2 flows" in again

    daemon.signal(signal.SIGTERM)
    assert int(listener.wait_for("STOPPING")["EXTEND_TIMEOUT_USEC"]) > 30_000_000
    assert daemon.wait() == 0
    assert not [m for m in listener.all_so_far() if "READY" in m]


def test_the_watchdog_is_fed_while_user_code_blocks_the_flow_loop(
    make_daemon: Serve, listener: Listener
) -> None:
    daemon = make_daemon(FLOWS, env={"NOTIFY_SOCKET": listener.address, **WATCHDOG})
    assert daemon.cli("emit", "block").returncode == 0
    daemon.wait_for_line("blocks the flow loop")
    listener.all_so_far()
    for _ in range(3):
        listener.wait_for("WATCHDOG")
    assert daemon.runs("blocking", "succeeded") == []
    assert "blocks the flow loop" in daemon.get("/readyz")["parts"]["flow loop"]["reason"]
    (daemon.project / "enough").touch()
    daemon.wait_for_runs("blocking")


def test_tasks_do_not_speak_for_the_daemon(make_daemon: Serve, listener: Listener) -> None:
    daemon = make_daemon(FLOWS, env={"NOTIFY_SOCKET": listener.address, **WATCHDOG})
    assert daemon.cli("emit", "look").returncode == 0
    [run] = daemon.wait_for_runs("looking")
    assert run["result"] == []
