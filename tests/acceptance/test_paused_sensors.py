"""A sensor that somebody has paused stays so, whatever becomes of the daemon and of its flows."""

from __future__ import annotations

from typing import Any

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess

FLOW = """
from triphammer import flow, task, webhook

@task
def one() -> int:
    return 1

@flow(on=webhook("in"))
def taking():
    return one()
"""
SENSOR = "/api/v1/sensors/webhook:in"


def paused(daemon: DaemonProcess) -> Any:
    (sensor,) = daemon.get("/api/v1/sensors")["items"]
    assert sensor["paused"] is True
    return sensor["since"]


def test_over_a_restart_it_is_paused_since_the_same_moment(make_daemon: Serve) -> None:
    daemon = make_daemon({"taking": FLOW})
    since = daemon.post(f"{SENSOR}/pause").json()["since"]
    assert since == paused(daemon)
    assert daemon.stop() == 0
    daemon.start()
    assert paused(daemon) == since


def test_it_is_resumed_once_a_flow_needs_it_again(make_daemon: Serve) -> None:
    daemon = make_daemon({"taking": FLOW})
    file = daemon.project / "flows" / "taking.py"
    assert daemon.post(f"{SENSOR}/pause").status_code == 200
    file.unlink()
    assert daemon.post("/api/v1/reload").status_code == 200
    refused = daemon.post(f"{SENSOR}/resume")
    assert refused.status_code == 404
    assert "no flow has a sensor 'webhook:in'" in refused.json()["detail"]
    file.write_text(FLOW)
    assert daemon.post("/api/v1/reload").status_code == 200
    assert paused(daemon) is not None
    assert daemon.post("/hooks/in", json={}).status_code == 503
    assert daemon.post(f"{SENSOR}/resume").json()["paused"] is False
    assert daemon.post("/hooks/in", json={}).status_code == 202
