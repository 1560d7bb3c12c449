"""Records of six partitions while daemon, group and broker are shaken: each is taken in once.

    python -m tests.chaos.kafka_storm --records 100000 --seed 7

Prints what was done, how long reading took to go on after each restart of the broker, and what
the store holds. Exit code 1 when a record is missing or there twice.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.to_thread

from tests.acceptance.process import DaemonProcess, project
from tests.chaos.audit import opened
from tests.chaos.regime import say_command
from tests.kafka.broker import Broker, open_broker
from tests.kafka.cluster import CONSUMER, PRODUCER, new_name, open_cluster_client

PARTITIONS = 6
POISON_EVERY = 250
BATCH = 100
FLOW = """
from triphammer import Event, flow, task, topic

@task
async def work(n: int) -> int:
    return n

@flow(on=topic("TOPIC").where({"data": {"n": [{"numeric": ["<", 0]}]}}))
def never(event: Event):
    return work(event.data["n"])
"""


@dataclass
class Report:
    """What was done and found; `missing` and `twice` must be empty."""

    seed: int
    done: Counter[str] = field(default_factory=Counter[str])
    events: int = 0
    dead: int = 0
    missing: Sequence[int] = ()
    twice: Sequence[int] = ()
    recovered: list[float] = field(default_factory=list[float])

    def __str__(self) -> str:
        seconds = ", ".join(f"{each:.1f}" for each in self.recovered)
        return (
            f"seed {self.seed}; {dict(self.done)}\n"
            f"records as events {self.events}, as dead letters {self.dead}\n"
            f"missing {len(self.missing)} {list(self.missing[:5])}, "
            f"twice {len(self.twice)} {list(self.twice[:5])}\n"
            f"seconds from the broker's start to the next record taken in: {seconds}"
        )


class Storm:
    """One daemon, one topic, and everything that shakes them."""

    def __init__(self, folder: Path, broker: Broker, seed: int, records: int) -> None:
        self._random = Random(seed)
        self._broker = broker
        self._topic = new_name("storm")
        self._records = records
        self._sent = 0
        self._allowed = 0
        self._more = anyio.Event()
        made = project(
            folder / "project",
            {"never": FLOW.replace("TOPIC", self._topic)},
            f'[kafka]\nbootstrap = "{broker.bootstrap}"\n',
        )
        self._daemon = DaemonProcess(made)
        self._database = made / ".triphammer" / "triphammer.db"
        self.report = Report(seed)

    async def run(self, shakes: int) -> Report:
        """Produce all records while `shakes` things happen, then compare."""
        async with open_cluster_client(self._broker.bootstrap) as cluster:
            await cluster.create_topic(self._topic, partitions=PARTITIONS)
        try:
            await anyio.to_thread.run_sync(self._daemon.start)
            async with anyio.create_task_group() as group:
                group.start_soon(self._produce)
                for number in range(shakes):
                    self._allow((number + 1) / (shakes + 1))
                    await anyio.sleep(self._random.uniform(0.1, 1.0))
                    await self._shake(number)
                self._allow(1.0)
            await self._until(self._records)
            assert await anyio.to_thread.run_sync(self._daemon.stop) == 0
        finally:
            self._daemon.kill()
        self._compare()
        return self.report

    def _allow(self, share: float) -> None:
        """Let so much of the records be sent: each shake is to meet some under way."""
        self._allowed = round(self._records * share)
        self._more.set()
        self._more = anyio.Event()

    async def _produce(self) -> None:
        producer = PRODUCER(
            bootstrap_servers=self._broker.bootstrap, acks="all", enable_idempotence=True
        )
        await producer.start()
        try:
            while self._sent < self._records:
                numbers = range(self._sent, min(self._sent + BATCH, self._records))
                sent = [
                    await producer.send(self._topic, _value(n), partition=n % PARTITIONS)
                    for n in numbers
                ]
                for each in sent:
                    await each
                self._sent = numbers[-1] + 1
                while self._allowed <= self._sent < self._records:
                    await self._more.wait()
        finally:
            await producer.stop()

    async def _shake(self, number: int) -> None:
        kinds = (self._kill_daemon, self._rebalance, self._restart_broker, self._kill_broker)
        kind = kinds[number % len(kinds)]
        await kind()
        self.report.done[kind.__name__.strip("_").replace("_", " ")] += 1

    async def _kill_daemon(self) -> None:
        self._daemon.kill()
        await anyio.to_thread.run_sync(self._daemon.start)

    async def _rebalance(self) -> None:
        """Somebody else joins the group, is given partitions, and leaves without a commit."""
        folder = self._stored("SELECT value FROM meta WHERE key = 'folder'")[0][0]
        consumer = CONSUMER(
            self._topic,
            bootstrap_servers=self._broker.bootstrap,
            group_id=f"triphammer-{folder}",
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )
        try:
            await consumer.start()
            with anyio.move_on_after(self._random.uniform(0.1, 1.0)):
                await consumer.getone()
        finally:
            await consumer.stop()

    async def _restart_broker(self) -> None:
        await self._broker_away(self._broker.stop)

    async def _kill_broker(self) -> None:
        await self._broker_away(self._broker.kill)

    async def _broker_away(self, end: Any) -> None:
        await anyio.to_thread.run_sync(end)
        self._allow(self._allowed / self._records + 0.005)
        await anyio.sleep(self._random.uniform(0.0, 1.0))
        await anyio.to_thread.run_sync(self._broker.start)
        began, before = time.monotonic(), self._taken()
        if before < self._records:
            await self._until(before + 1)
            self.report.recovered.append(time.monotonic() - began)

    async def _until(self, count: int) -> None:
        while self._taken() < count:  # noqa: ASYNC110 - the daemon may be down: nobody tells
            await anyio.sleep(0.05)

    def _stored(self, sql: str) -> list[Any]:
        with closing(opened(self._database)) as database:
            return database.execute(sql).fetchall()

    def _taken(self) -> int:
        counts = self._stored(
            "SELECT (SELECT count(*) FROM events WHERE type = 'triphammer.kafka.record'),"
            " (SELECT count(*) FROM dead_records)"
        )
        return sum(counts[0])

    def _compare(self) -> None:
        rows = self._stored(
            "SELECT json_extract(data, '$.n') FROM events WHERE type = 'triphammer.kafka.record'"
        )
        dead = self._stored("SELECT payload FROM dead_records")
        times = Counter([row[0] for row in rows] + [int(row[0][1:]) for row in dead])
        self.report.events, self.report.dead = len(rows), len(dead)
        self.report.missing = [n for n in range(self._records) if not times[n]]
        self.report.twice = [n for n, count in times.items() if count > 1]


def _value(n: int) -> bytes:
    return b"!%d" % n if n % POISON_EVERY == 0 else b'{"n":%d}' % n


async def run_storm(
    folder: Path, broker: Broker, *, records: int, shakes: int, seed: int
) -> Report:
    """One storm from beginning to end; what it found."""
    return await Storm(folder, broker, seed, records).run(shakes)


def main() -> None:
    """The long version, by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--shakes", type=int, default=24)
    parser.add_argument("--seed", type=int, default=Random().randrange(1_000_000))
    given = parser.parse_args()
    say_command("kafka_storm", given)
    # The clients here are cut off on purpose, again and again.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name, open_broker(Path(name)) as broker:
        report = anyio.run(
            lambda: run_storm(
                Path(name), broker, records=given.records, shakes=given.shakes, seed=given.seed
            )
        )
    print(report)
    sys.exit(bool(report.missing or report.twice))


if __name__ == "__main__":
    main()
