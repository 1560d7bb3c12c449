"""A run that crashes the daemon is given up after a few recoveries; the daemon stays up."""

from __future__ import annotations

import json
from contextlib import suppress

import httpx
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, NotUp
from tests.kafka.broker import Broker
from tests.kafka.cluster import new_name, open_cluster_client

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
RECORDS = """
import asyncio, os, signal
from triphammer import Event, flow, task, topic

@task
async def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)

@task
async def hold() -> str:
    await asyncio.sleep(0.2)
    return "held"

@flow(on=topic("NAME").where({"data": ["bad"]}))
def bad(event: Event) -> object:
    return crash()

@flow(on=topic("NAME").where({"data": ["good"]}))
def good(event: Event) -> object:
    return hold()
"""
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


@pytest.mark.kafka
@pytest.mark.anyio
async def test_a_record_whose_run_crashes_the_daemon_holds_up_none_of_its_partition(
    make_daemon: Serve, kafka: Broker
) -> None:
    name = new_name("crash")
    async with open_cluster_client(kafka.bootstrap) as client:
        await client.create_topic(name)
        await client.produce(name, [b'"good"'] * 8 + [b'"bad"'] + [b'"good"'] * 8)
    daemon = make_daemon(
        {"work": RECORDS.replace("NAME", name)}, f'[kafka]\nbootstrap = "{kafka.bootstrap}"\n'
    )
    with suppress(httpx.TransportError, StopIteration):
        daemon.wait_for_runs("bad", state="failed")
    daemon.wait()
    assert 3 <= started_until_it_stays(daemon) <= 6
    daemon.wait_for_runs("good", 16)
    assert len(daemon.runs()) == 17, "none was taken in again"
    [letter] = json.loads(daemon.cli("deadletters", "--json").stdout)["items"]
    assert (letter["kind"], letter["flow"]) == ("run", "bad")
    assert "crashed 5 times" in letter["reason"]
    async with open_cluster_client(kafka.bootstrap) as client:
        await client.produce(name, [b'"good"'])
    daemon.wait_for_runs("good", 17)
    assert daemon.stop() == 0
