"""The access log of the real daemon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, cli, project

FLOW = """
from triphammer import flow, task, webhook

@task
def note() -> None: ...

@flow(on=webhook("in"))
def noted() -> None:
    note()
"""
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SETTINGS = '[server]\ntrusted_proxies = ["127.0.0.1"]\nopen = false\n[log]\naccess = "json"\n'


def lines(daemon: DaemonProcess) -> list[dict[str, Any]]:
    """What was logged of requests, up to the stop."""
    daemon.stop()
    found = [json.loads(line) for line in daemon.printed if line.startswith("{")]
    return [line for line in found if line["logger"] == "triphammer.requests"]


def test_who_asked_for_what(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", {"noted": FLOW}, SETTINGS)
    made = cli(folder, "token", "create", "reader", "--scope", "read", "--json")
    token = json.loads(made.stdout)["token"]
    with (
        DaemonProcess(folder) as daemon,
        httpx.Client(base_url=daemon.url, trust_env=False) as client,
    ):
        asked = {"x-forwarded-for": "203.0.113.9", "authorization": f"Bearer {token}"}
        client.get("/api/v1/runs?limit=1&secret=hush", headers={**asked, "traceparent": PARENT})
        client.get("/api/v1/runs")
        client.post("/hooks/in?token=hush", json={})
        told = lines(daemon)
    assert "hush" not in json.dumps(told)
    assert token not in json.dumps(told)
    [reader, nobody, hook] = told
    assert (reader["who"], reader["client"]) == ("reader", "203.0.113.9")
    assert (reader["path"], reader["route"]) == ("/api/v1/runs", "/api/v1/runs")
    assert (reader["status"], reader["trace_id"]) == (200, PARENT[3:35])
    assert reader["bytes"] > 2
    assert (nobody["who"], nobody["status"]) == ("", 401)
    assert (hook["path"], hook["route"], hook["status"]) == ("/hooks/in", "/hooks/{path}", 202)
    assert len({line["trace_id"] for line in told}) == len(told)


def test_it_is_off_by_default(make_daemon: Serve) -> None:
    daemon = make_daemon({"noted": FLOW})
    daemon.get("/api/v1/runs")
    assert lines(daemon) == []
