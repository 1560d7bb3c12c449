"""Addresses of the console that nobody has linked to: each is answered for what it asks."""

from __future__ import annotations

import os

import httpx
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, cli
from triphammer import Client

FLOWS = {
    "shop": """
from triphammer import approve, flow, task

@task
def preis_für_wörter() -> None:
    print("teuer")

@flow
def shop():
    preis_für_wörter()

@flow
def asks():
    approve("Go on?")
""",
}
PAGE = {"Accept": "text/html"}


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    return make_daemon(FLOWS)


def test_addresses_are_answered_for_what_they_ask(daemon: DaemonProcess) -> None:
    daemon.post("/api/v1/flows/shop/runs")
    (run,) = daemon.wait_for_runs("shop")
    with httpx.Client(base_url=daemon.url, headers=PAGE, trust_env=False) as client:
        log = client.get(f"/runs/{run['id']}/log.txt?task=preis_für_wörter")
        assert (log.status_code, "teuer" in log.text) == (200, True)
        for task in ("任务", "a\r\nb"):
            told = client.get(f"/runs/{run['id']}/log.txt", params={"task": task})
            assert (told.status_code, told.text) == (200, "")

        for since in ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"):
            assert client.get("/events", params={"since": since}).status_code == 200

        retry = client.post(f"/runs/{run['id']}/retry", data={"what": "from"})
        assert (retry.status_code, "no task was chosen" in retry.text) == (409, True)
        assert daemon.get(f"/api/v1/runs/{run['id']}")["operations"] == []

        again = client.post(f"/events/{run['event']}/start", data={"flow": "nope"})
        assert (again.status_code, "nope was not started" in again.text) == (422, True)


def test_an_answer_that_says_nothing_is_none(daemon: DaemonProcess) -> None:
    daemon.post("/api/v1/flows/asks/runs")
    (run,) = daemon.wait_for_runs("asks", state="waiting")
    address = f"/runs/{run['id']}/tasks/approve/answer"
    with httpx.Client(base_url=daemon.url, headers=PAGE, trust_env=False) as client:
        for answer in ({}, {":answer": "maybe"}):
            told = client.post(address, data={":reason": "", **answer})
            assert (told.status_code, "neither approve nor reject" in told.text) == (422, True)
        assert daemon.get(f"/api/v1/runs/{run['id']}")["state"] == "waiting"
        assert client.post(address, data={":answer": "approve"}).status_code == 303
    daemon.wait_for_runs("asks", state="succeeded")


def test_commands_and_clients_find_the_daemon_that_runs(
    daemon: DaemonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It listens on any port, which no settings tell."""
    monkeypatch.delenv("TRIPHAMMER_URL", raising=False)
    below = daemon.project / "flows"
    done = cli(below, "flows", env=os.environ)
    assert (done.returncode, "shop" in done.stdout) == (0, True), done.stderr
    monkeypatch.chdir(below)
    with Client() as client:
        assert (client.url, client.flow("shop")["name"]) == (daemon.url, "shop")
    daemon.stop()
    with Client() as client:
        assert client.url == "http://127.0.0.1:8420"
