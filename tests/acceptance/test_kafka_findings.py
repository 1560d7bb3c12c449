"""What happens to a topic behind the daemon's back: told of as an event and in the log, and no
record is left out without a word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.kafka.broker import Broker
from tests.kafka.cluster import ClusterClient, new_name, open_cluster_client

pytestmark = [pytest.mark.kafka, pytest.mark.anyio, pytest.mark.slow]

FLOW = """
from triphammer import Event, events, flow, task, topic

@task
async def note(event: Event) -> int:
    return 1

@flow(on=topic("NAME", group=GROUP), max_runs=100)
def records(event: Event):
    return note(event)

@flow(on=[events(type=f"triphammer.kafka.{what}") for what in ("gap", "recreated", "reset")])
def findings(event: Event):
    return note(event)
"""


def flows(name: str, group: str | None = None) -> dict[str, str]:
    return {"f": FLOW.replace("NAME", name).replace("GROUP", repr(group))}


def settings(kafka: Broker, more: str = "") -> str:
    return f'[kafka]\nbootstrap = "{kafka.bootstrap}"\n{more}'


def numbers(count: int) -> Sequence[bytes]:
    return [b"%d" % n for n in range(count)]


def all_events(daemon: DaemonProcess, type: str) -> list[Any]:
    """Every event of the type, oldest first."""
    found: list[Any] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        cursor = {"cursor": page["next"]} if page["next"] else {}
        page = daemon.get("/api/v1/events", type=type, limit=500, **cursor)
        found += page["items"]
    return found[::-1]


def offsets(daemon: DaemonProcess) -> list[int]:
    """Those of the records taken in, by their ids, in their order."""
    taken = all_events(daemon, "triphammer.kafka.record")
    return [int(event["id"].split("/")[2].partition("@")[0]) for event in taken]


async def told_of(daemon: DaemonProcess, text: str) -> Any:
    """The one finding, once its flow has run and the log has said `text`."""
    await anyio.to_thread.run_sync(daemon.wait_for_line, text)
    [run] = await anyio.to_thread.run_sync(daemon.wait_for_runs, "findings")
    return daemon.get(f"/api/v1/events/{run['event']}")


async def taken(daemon: DaemonProcess, count: int) -> None:
    await anyio.to_thread.run_sync(daemon.wait_for_runs, "records", count)


async def held_up(client: ClusterClient, daemon: DaemonProcess, name: str) -> None:
    """Wait until the flow's queue is full, and the topic is longer than what was taken in."""
    daemon.cli("pause", "records")
    await client.produce(name, numbers(1_100))
    await anyio.to_thread.run_sync(daemon.wait_until, lambda: len(offsets(daemon)) >= 500)
    await client.produce(name, numbers(400))


@pytest.mark.parametrize("kill", [False, True], ids=["running", "killed"])
async def test_retention_overtakes_a_paused_flow(
    make_daemon: Serve, kafka: Broker, kill: bool
) -> None:
    name = new_name("overtaken")
    async with open_cluster_client(kafka.bootstrap) as client:
        await client.create_topic(name)
        full = settings(kafka, "[limits]\nqueued_runs = 5\n")
        daemon = make_daemon(flows(name), full)
        await held_up(client, daemon, name)
        await client.delete_records(name, 1_400)
    if kill:
        daemon.kill()
        daemon.start()
    assert len(offsets(daemon)) <= 1_100, "what is paused is not read on"
    daemon.cli("resume", "records")
    gap = await told_of(daemon, "were removed by retention before they were read")
    await anyio.to_thread.run_sync(
        daemon.wait_until, lambda: len(offsets(daemon)) + gap["data"]["missing"] == 1_500
    )
    first, last = gap["data"]["first"], gap["data"]["last"]
    assert (gap["type"], gap["subject"], last) == ("triphammer.kafka.gap", name, 1_399)
    assert offsets(daemon) == [*range(first), *range(last + 1, 1_500)]
    print(f"taken in before the gap: {first}; missing: {gap['data']['missing']}")
    assert daemon.stop() == 0


@pytest.mark.parametrize("away", [False, True], ids=["running", "stopped"])
async def test_a_topic_is_recreated(make_daemon: Serve, kafka: Broker, away: bool) -> None:
    name = new_name("recreated")
    async with open_cluster_client(kafka.bootstrap) as client:
        await client.create_topic(name)
        await client.produce(name, numbers(20))
        daemon = make_daemon(flows(name), settings(kafka))
        await taken(daemon, 20)
        if away:
            assert daemon.stop() == 0
        await client.delete_topic(name)
        await client.create_topic(name)
        await client.produce(name, numbers(30))
        if away:
            daemon.start()
        found = await told_of(daemon, "the topic was recreated")
        await taken(daemon, 50)
    assert (found["type"], found["subject"]) == ("triphammer.kafka.recreated", name)
    assert (found["data"]["stored"], found["data"]["resumed"]) == (20, 0)
    assert sorted(offsets(daemon)[20:]) == list(range(30))
    assert daemon.stop() == 0


@pytest.mark.parametrize(("to", "resumed"), [(4, 20), (25, 25)], ids=["back", "ahead"])
async def test_an_operator_moves_the_group(
    make_daemon: Serve, kafka: Broker, to: int, resumed: int
) -> None:
    name, group = new_name("moved"), new_name("group")
    async with open_cluster_client(kafka.bootstrap) as client:
        await client.create_topic(name)
        await client.produce(name, numbers(20))
        daemon = make_daemon(flows(name, group), settings(kafka))
        await taken(daemon, 20)
        assert daemon.stop() == 0
        await client.produce(name, numbers(10))
        await client.reset_group(group, name, to)
        daemon.start()
        found = await told_of(daemon, f"was moved from 20 to {to} by somebody else")
        await taken(daemon, 30 - (resumed - 20))
    assert (found["type"], found["subject"]) == ("triphammer.kafka.reset", name)
    data = found["data"]
    assert (data["stored"], data["committed"], data["resumed"]) == (20, to, resumed)
    assert offsets(daemon) == [*range(20), *range(resumed, 30)]
    assert daemon.stop() == 0
