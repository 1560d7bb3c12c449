"""Daemons on a real Kafka: a shared group, a crash, a broker that goes away."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import anyio
import httpx
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.kafka.broker import Broker
from tests.kafka.cluster import ClusterClient, new_name, open_cluster_client
from triphammer.config.clock import SystemClock

pytestmark = [pytest.mark.kafka, pytest.mark.anyio, pytest.mark.slow]

FLOW = """
from pathlib import Path
from triphammer import Event, flow, task, topic, webhook

@task
def note(event: Event) -> None:
    with Path("taken.txt").open("a") as taken:
        taken.write(event.id + "\\n")

@flow(on=topic("NAME", group=GROUP))
def records(event: Event) -> None:
    note(event)

@flow(on=webhook("ping"))
def pings(event: Event) -> None:
    note(event)
"""


def flow_text(name: str, group: str | None = None) -> str:
    return FLOW.replace("NAME", name).replace("GROUP", repr(group))


def settings(kafka: Broker) -> str:
    return f'[kafka]\nbootstrap = "{kafka.bootstrap}"\n'


def taken(daemon: DaemonProcess) -> list[str]:
    """The ids of the records whose task ran, by the task's own account."""
    file = Path(daemon.project) / "taken.txt"
    return file.read_text().split() if file.exists() else []


async def produce(client: ClusterClient, name: str, first: int, last: int, partitions: int) -> None:
    for number in range(first, last):
        await client.produce(name, [b"{}"], partition=number % partitions)


async def succeeded(daemon: DaemonProcess, count: int) -> None:
    await anyio.to_thread.run_sync(daemon.wait_for_runs, "records", count)


async def test_a_crash_takes_no_record_and_repeats_none(make_daemon: Serve, kafka: Broker) -> None:
    name = new_name("crash")
    async with open_cluster_client(kafka.bootstrap) as client:
        await client.create_topic(name, partitions=2)
        daemon = make_daemon({"f": flow_text(name)}, settings(kafka))
        await produce(client, name, 0, 150, 2)
        await succeeded(daemon, 20)
        daemon.kill()
        await produce(client, name, 150, 300, 2)
        daemon.start()
        await succeeded(daemon, 300)
    assert len(daemon.runs("records")) == 300, "one run a record"
    counted = Counter(taken(daemon))
    assert len(counted) == 300
    assert max(counted.values()) <= 2, "only what ran at the crash ran again"
    assert daemon.stop() == 0


async def test_two_daemons_of_a_group_share_a_topic(make_daemon: Serve, kafka: Broker) -> None:
    name, group = new_name("shared"), new_name("group")
    async with open_cluster_client(kafka.bootstrap) as client:
        await client.create_topic(name, partitions=4)
        flows = {"f": flow_text(name, group)}
        first = make_daemon(flows, settings(kafka), name="first")
        await produce(client, name, 0, 40, 4)
        await succeeded(first, 40)
        second = make_daemon(flows, settings(kafka), name="second")
        await produce_until(client, name, second)
        await produce(client, name, 0, 80, 4)
        await all_taken(client, name, first, second)
        # The first leaves in order, and the second has all that comes from then on.
        assert first.stop() == 0
        await produce(client, name, 0, 40, 4)
        produced = await all_taken(client, name, first, second)
    ids = [*taken(first), *taken(second)]
    assert len(ids) == len(set(ids)) == produced, "a rebalance in order repeats nothing"
    assert second.stop() == 0


async def test_a_daemon_that_dies_leaves_its_records_to_the_other(
    make_daemon: Serve, kafka: Broker
) -> None:
    name, group = new_name("taken-over"), new_name("group")
    async with open_cluster_client(kafka.bootstrap) as client:
        await client.create_topic(name, partitions=4)
        flows = {"f": flow_text(name, group)}
        first = make_daemon(flows, settings(kafka), name="first")
        second = make_daemon(flows, settings(kafka), name="second")
        await produce_until(client, name, first)
        await produce_until(client, name, second)
        # What the first has taken in stays with its store: it is to die with nothing to do.
        await all_taken(client, name, first, second)
        first.kill()
        await produce(client, name, 0, 40, 4)
        await all_taken(client, name, first, second)
    assert second.stop() == 0


async def produce_until(client: ClusterClient, name: str, daemon: DaemonProcess) -> None:
    """Go on producing until `daemon` has its share of the partitions."""
    while not taken(daemon):
        await produce(client, name, 0, 4, 4)


async def all_taken(client: ClusterClient, name: str, *daemons: DaemonProcess) -> int:
    """Wait until every record has been through a task of one of them; how many there are."""
    produced = await client.count(name)

    def taken_in() -> set[str]:
        return {id for daemon in daemons for id in taken(daemon)}

    while len(taken_in()) < produced:  # noqa: ASYNC110 - two processes write and tell nobody
        await anyio.sleep(0.05)
    return produced


async def test_a_broker_that_is_away_for_20_seconds(make_daemon: Serve, kafka: Broker) -> None:
    name, clock = new_name("away"), SystemClock()
    async with open_cluster_client(kafka.bootstrap) as client:
        await client.create_topic(name)
        daemon = make_daemon({"f": flow_text(name)}, settings(kafka))
        await produce(client, name, 0, 20, 1)
        await succeeded(daemon, 20)
    away = clock.now()
    await anyio.to_thread.run_sync(kafka.stop)
    await anyio.to_thread.run_sync(daemon.wait_for_line, "Kafka is not ready")
    part = daemon.get("/readyz")["parts"]["sensor kafka:kafka"]
    assert part["reason"] == f"no answer from the Kafka broker {kafka.bootstrap}"
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.post(daemon.url + "/hooks/ping", json={})).status_code == 202
    await anyio.to_thread.run_sync(daemon.wait_for_runs, "pings", 1)
    await clock.wait_until(away + 20_000_000)
    await anyio.to_thread.run_sync(kafka.start)
    async with open_cluster_client(kafka.bootstrap) as client:
        await produce(client, name, 20, 40, 1)
    await succeeded(daemon, 40)
    await anyio.to_thread.run_sync(daemon.wait_for_line, "Kafka works again")
    assert len(taken(daemon)) == len(set(taken(daemon))) == 41
    assert len(daemon.runs("records")) == 40
    assert daemon.stop() == 0
