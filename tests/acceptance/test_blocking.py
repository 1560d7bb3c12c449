"""User code that blocks: the daemon goes on, and says who it is."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Serve

FLOWS = {
    "blocks": """
import time
from triphammer import Event, events, flow, task, webhook

@task
async def sleeps() -> int:
    time.sleep(3)
    return 1

@task
async def spins() -> int:
    end = time.monotonic() + 3
    while time.monotonic() < end:
        pass
    return 2

@task
def plain() -> int:
    return 3

@flow(on=events(type="sleep"))
def sleeping(event: Event) -> object:
    return sleeps()

@flow(on=events(type="spin"))
def spinning(event: Event) -> object:
    return spins()

@flow(on=webhook("quick"))
def quick(event: Event) -> object:
    return plain()
""",
}


@pytest.mark.parametrize(
    ("kind", "flow", "lines"),
    [("sleep", "sleeping", {7}), ("spin", "spinning", {13, 14})],
)
def test_a_blocked_flow_loop_is_named_and_harms_nobody_else(
    make_daemon: Serve, kind: str, flow: str, lines: set[int]
) -> None:
    daemon = make_daemon(FLOWS)
    assert daemon.cli("emit", kind).returncode == 0
    said = daemon.wait_for_line("blocks the flow loop")
    assert flow in said
    assert any(f"blocks.py:{line}:" in said for line in lines), said
    part = daemon.get("/readyz")["parts"]["flow loop"]
    assert flow in str(part["reason"])
    # A webhook is taken and its plain function runs while the loop is still blocked.
    assert daemon.post("/hooks/quick", json={}).status_code == 202
    daemon.wait_for_runs("quick")
    assert daemon.runs(flow, "succeeded") == []
    daemon.wait_for_runs(flow)
    daemon.wait_until(lambda: daemon.get("/readyz")["parts"]["flow loop"]["ok"])
