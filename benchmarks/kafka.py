"""Kafka: records that become durable events, nine in ten of them filtered by `.where`."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import confluent_kafka
import httpx
from aiokafka import AIOKafkaConsumer

from benchmarks.figures import Figure
from benchmarks.limits import database
from benchmarks.setting import compiled, wait
from tests.acceptance.process import DaemonProcess, project
from tests.kafka.broker import open_broker
from tests.kafka.cluster import open_cluster_client

RECORDS = 200_000
TOPIC = "orders"
FLOW = """
from triphammer import Event, flow, task, topic

@task
async def take(n: int) -> int:
    return n

@flow(on=topic("orders").where({"data": {"kind": ["big"]}}))
def big(event: Event) -> object:
    return take(event.data["n"])
"""
WARM = 20_000
"""The first records are not counted: the rate is that of a stream under way."""


def records(folder: Path) -> list[Figure]:
    """From a topic that is full already to events in the store, the flow paused."""
    (folder / "kafka").mkdir()
    with open_broker(folder / "kafka") as broker:
        asyncio.run(_create_topic(broker.bootstrap))
        _fill(broker.bootstrap)
        limit = asyncio.run(_bare(broker.bootstrap, folder / "bare.db"))
        rate = _daemon(broker.bootstrap, folder / "daemon")
    name = "Kafka records to durable events"
    return [Figure(name, rate, limit, "/s", "aiokafka into SQLite")]


async def _create_topic(bootstrap: str) -> None:
    async with open_cluster_client(bootstrap) as cluster:
        await cluster.create_topic(TOPIC)


def _fill(bootstrap: str) -> None:
    kind: Any = confluent_kafka.Producer
    producer = kind({"bootstrap.servers": bootstrap, "queue.buffering.max.messages": RECORDS})
    for n in range(RECORDS):
        body = b'{"n": %d, "kind": "%s"}' % (n, b"small" if n % 10 else b"big")
        producer.produce(TOPIC, body, key=str(n % 1000).encode())
    if left := producer.flush():
        raise RuntimeError(f"{left} records did not reach the broker")


def _daemon(bootstrap: str, folder: Path) -> float:
    settings = f'[kafka]\nbootstrap = "{bootstrap}"\n[limits]\nqueued_runs = {RECORDS}\n'
    daemon = DaemonProcess(project(folder, {"bench": FLOW}, settings), env=compiled())
    with daemon:
        daemon.cli("pause", "big")
        wait(lambda: _taken(daemon) >= WARM)
        first, began = _taken(daemon), time.perf_counter()
        wait(lambda: _taken(daemon) >= RECORDS)
        return (RECORDS - first) / (time.perf_counter() - began)


def _taken(daemon: DaemonProcess) -> int:
    text = httpx.get(f"{daemon.url}/metrics", trust_env=False).text
    lines = (line for line in text.splitlines() if line.startswith("triphammer_events_total{"))
    return sum(int(float(line.split()[-1])) for line in lines)


async def _bare(bootstrap: str, file: Path) -> float:
    """Records a second that aiokafka hands out and SQLite commits, batch by batch."""
    kind: Any = AIOKafkaConsumer
    consumer = kind(
        TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id="bare"
    )
    await consumer.start()
    try:
        with closing(database(file)) as connection:
            connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, data BLOB)")
            return await _copy(consumer, connection)
    finally:
        await consumer.stop()


async def _copy(consumer: Any, connection: sqlite3.Connection) -> float:
    count, began = 0, 0.0
    while count < RECORDS:
        batches = await consumer.getmany(timeout_ms=1000, max_records=500)
        began = began or time.perf_counter()
        taken = [r for b in batches.values() for r in b]
        connection.execute("BEGIN IMMEDIATE")
        values = [(record.value,) for record in taken]
        connection.executemany("INSERT INTO events (data) VALUES (?)", values)
        connection.execute("COMMIT")
        count += len(taken)
    return count / (time.perf_counter() - began)
