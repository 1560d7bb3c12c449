"""The broker goes away and comes back: how soon records are taken in and messages go out."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from benchmarks.client import post_all
from benchmarks.figures import Figure
from benchmarks.setting import compiled, wait
from tests.acceptance.process import DaemonProcess, project
from tests.kafka.broker import Broker, open_broker
from tests.kafka.cluster import open_cluster_client

AWAY = (5, 60)
"""Seconds: within the library's own patience, and beyond that of the breaker."""
MESSAGES = 100
"""So many wait while the broker is away."""
AIM = 10.0
FLOW = """
from triphammer import Event, events, flow, publish, task, topic

@task
async def take(n: int) -> int:
    return n

@flow(on=topic("in"))
def taken(event: Event) -> object:
    return take(event.data["n"])

@flow(on=events(type="go"), max_runs=100)
def told(event: Event) -> None:
    publish("out", event.data, key=event.data["key"])
"""
HEADERS = "application/cloudevents+json"


def recovery(folder: Path) -> list[Figure]:
    """From the moment at which the broker answers again, a record produced to it at once."""
    (folder / "kafka").mkdir()
    figures: list[Figure] = []
    with open_broker(folder / "kafka") as broker:
        asyncio.run(_create_topics(broker.bootstrap))
        settings = f'[kafka]\nbootstrap = "{broker.bootstrap}"\n'
        made = project(folder / "daemon", {"bench": FLOW}, settings)
        with DaemonProcess(made, env=compiled()) as daemon:
            _exchange(daemon, broker.bootstrap)
            for seconds in AWAY:
                event, message = _absence(daemon, broker, seconds)
                name = f"Kafka: broker away {seconds} s, back to first"
                figures.append(Figure(f"{name} event", event, AIM, "s", "the aim"))
                figures.append(Figure(f"{name} message", message, AIM, "s", "the aim"))
    return figures


async def _create_topics(bootstrap: str) -> None:
    async with open_cluster_client(bootstrap) as cluster:
        for name in ("in", "out"):
            await cluster.create_topic(name)


def _exchange(daemon: DaemonProcess, bootstrap: str) -> None:
    """Both ways have been used before the broker goes."""
    _post(daemon, 1)
    asyncio.run(_produce(bootstrap))
    wait(lambda: _count(daemon, EVENTS) == 1 and _count(daemon, DELIVERED) == 1)


def _absence(daemon: DaemonProcess, broker: Broker, seconds: float) -> tuple[float, float]:
    """Seconds until an event is stored and until a message is delivered."""
    events, delivered = _count(daemon, EVENTS), _count(daemon, DELIVERED)
    broker.kill()
    _post(daemon, MESSAGES)
    time.sleep(seconds)
    broker.start()
    began = time.perf_counter()
    asyncio.run(_produce(broker.bootstrap))
    took: dict[str, float] = {}

    def both() -> bool:
        for sql, before in ((EVENTS, events), (DELIVERED, delivered)):
            if sql not in took and _count(daemon, sql) > before:
                took[sql] = time.perf_counter() - began
        return len(took) == 2

    wait(both)
    wait(lambda: _count(daemon, DELIVERED) == delivered + MESSAGES)
    return took[EVENTS], took[DELIVERED]


def _post(daemon: DaemonProcess, count: int) -> None:
    event = {"specversion": "1.0", "source": "load", "type": "go"}
    bodies = [
        json.dumps({**event, "id": f"{time.time_ns()}-{n}", "data": {"key": f"k{n % 8}"}}).encode()
        for n in range(count)
    ]
    asyncio.run(post_all(daemon.url, "/api/v1/events", bodies, 8, HEADERS))


async def _produce(bootstrap: str) -> None:
    async with open_cluster_client(bootstrap) as cluster:
        await cluster.produce("in", [b'{"n": 1}'])


EVENTS = "SELECT count(*) FROM events WHERE type = 'triphammer.kafka.record'"
DELIVERED = "SELECT count(*) FROM outbox WHERE state = 'delivered'"


def _count(daemon: DaemonProcess, sql: str) -> int:
    file = daemon.project / ".triphammer" / "triphammer.db"
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        count: int = database.execute(sql).fetchone()[0]
    return count
