"""Records that are poison, each in its own way, between good ones of the same partition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, state_file_lines
from tests.kafka.batches import make_batch
from tests.kafka.broker import Broker
from tests.kafka.cluster import ClusterClient, new_name, open_cluster_client

pytestmark = [pytest.mark.kafka, pytest.mark.anyio, pytest.mark.slow]

FLOWS = """
from dataclasses import dataclass
from pathlib import Path
from triphammer import Event, flow, task, topic

@dataclass
class Order:
    n: int
    bad: bool = False

@task
def book(order: Order) -> int:
    if order.bad:
        raise LookupError("no such customer")
    with Path("booked.txt").open("a") as file:
        file.write(f"{order.n}\\n")
    return order.n

@flow(on=topic("NAME"))
def orders(event: Event[Order]):
    return book(event.data)

@flow(on=topic("NAME").where(lambda event: event.data["n"] < 0))
def never(event: Event[Order]):
    return book(event.data)
"""
POISON = [
    b"{broken",
    b"\xff\xfe\x00",
    b'{"n": 1e400}',
    b"[" * 5000,
    b'{"n": "\\ud800"}',
]
"""No JSON at all: each of these is a dead record."""
BAD_OFFSETS = (5, 7, 9, 11, 13)
MISFIT = b'{"m": 1}'
"""It is JSON, and no order; the predicate of the other flow raises on it."""


def good(n: int) -> bytes:
    return b'{"n": %d}' % n


def letters(daemon: DaemonProcess, kind: str) -> list[Any]:
    shown = daemon.cli("deadletters", "--json", "--kind", kind)
    items: list[Any] = json.loads(shown.stdout)["items"]
    return items


async def produce(client: ClusterClient, name: str, count: int) -> int:
    """Into each of two partitions `count` good records with poison between them, and one with
    a header whose name is no text; how many good ones there are in all."""
    numbers = iter(range(1000))
    for partition in (0, 1):
        values = [b'{"n": 0, "bad": true}', MISFIT, *POISON]
        for at in range(count):
            values.insert(2 * at, good(next(numbers)))
        await client.produce(name, values, partition=partition)
        batch = make_batch([(good(next(numbers)), [(b"na\xffme", b"x")])])
        await client.produce_batch(name, batch, partition=partition)
        await client.produce(name, [good(next(numbers))], partition=partition)
    return next(numbers)


async def test_poison_of_every_kind_delays_nobody(make_daemon: Serve, kafka: Broker) -> None:
    name = new_name("poison")
    async with open_cluster_client(kafka.bootstrap) as client:
        await client.create_topic(name, partitions=2)
        daemon = make_daemon(
            {"orders": FLOWS.replace("NAME", name)}, f'[kafka]\nbootstrap = "{kafka.bootstrap}"\n'
        )
        count = await produce(client, name, 7)
        daemon.wait_for_runs("orders", count)
        daemon.wait_for_runs("orders", 2, "failed")
        produced = await client.count(name)
    booked = state_file_lines(Path(daemon.project) / "booked.txt")
    assert sorted(map(int, booked)) == list(range(count)), "every good one, and once"

    records = letters(daemon, "record")
    events = letters(daemon, "event")
    runs = letters(daemon, "run")
    assert (len(records), len(events), len(runs)) == (2 * len(POISON), 4, 2)
    named = {letter["reason"].split()[1].partition("@")[0] for letter in records}
    assert named == {f"{name}/{partition}/{at}" for partition in (0, 1) for at in BAD_OFFSETS}
    assert all("JSON" in letter["reason"] for letter in records)
    assert all("required field `n`" in e["reason"] for e in events if e["flow"] == "orders")
    assert all("KeyError: 'n'" in e["reason"] for e in events if e["flow"] == "never")
    assert {letter["reason"] for letter in runs} == {"LookupError: book: no such customer"}
    assert daemon.get("/readyz")["parts"]["sensor kafka:kafka"]["reason"] is None

    # Each record is one thing, and those of a partition came in its order.
    taken = daemon.get("/api/v1/events", type="triphammer.kafka.record", limit=500)["items"]
    assert len(taken) + len(records) == produced
    for partition in (0, 1):
        at = [e["id"] for e in reversed(taken) if f"/{partition}/" in e["id"]]
        offsets = [int(id.split("/")[2].split("@")[0]) for id in at]
        assert offsets == sorted(offsets)
    misfit = events[0]["id"].partition("/")[0]
    outcomes = daemon.get(f"/api/v1/events/{misfit}")["dispositions"]
    assert {d["flow"]: d["outcome"] for d in outcomes} == {
        "orders": "dead-lettered",
        "never": "error",
    }

    # Only looked at and skipped: the producer must send them again.
    refused = daemon.cli("deadletters", "redrive", records[0]["id"])
    assert refused.returncode == 1
    assert "send it again" in refused.stderr
    daemon.cli("deadletters", "skip", *(letter["id"] for letter in records))
    assert letters(daemon, "record") == []
    assert daemon.stop() == 0
