"""Messages of eight keys are published while daemon and broker are shaken.

    python -m tests.chaos.kafka_outbox --messages 20000 --seed 7

Each message is to arrive at least once under one id, and those of a key first in the order of
their commits. Prints what was done, how many came again, and how long publishing took to go on
after each restart of the broker. Exit code 1 when one is missing or out of order.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.to_thread
import httpx

from tests.acceptance.process import DaemonProcess, project
from tests.chaos.audit import opened
from tests.chaos.regime import say_command
from tests.kafka.broker import Broker, open_broker
from tests.kafka.cluster import new_name, open_cluster_client

PARTITIONS = 3
KEYS = 8
BATCH = 20
BATCHED = {"content-type": "application/cloudevents-batch+json"}
FLOW = """
from triphammer import Event, events, flow, publish

@flow(on=events(type="go"), max_runs=100)
def told(event: Event) -> None:
    publish("TOPIC", {"n": event.data["n"]}, key=event.data["key"])
"""


@dataclass
class Report:
    """What was done and found; all but the first three and the last must be empty."""

    seed: int
    done: Counter[str] = field(default_factory=Counter[str])
    messages: int = 0
    again: int = 0
    missing: Sequence[str] = ()
    strange: Sequence[str] = ()
    out_of_order: Sequence[str] = ()
    recovered: list[float] = field(default_factory=list[float])

    @property
    def faults(self) -> Sequence[str]:
        """Everything that must not be."""
        return [*self.missing, *self.strange, *self.out_of_order]

    def __str__(self) -> str:
        seconds = ", ".join(f"{each:.1f}" for each in self.recovered)
        return (
            f"seed {self.seed}; {dict(self.done)}\n"
            f"messages {self.messages}, of which {self.again} came again\n"
            f"missing {len(self.missing)}, unknown {len(self.strange)},"
            f" keys out of order {list(self.out_of_order)}\n"
            f"seconds from the broker's start to the next message delivered: {seconds}"
        )


class Storm:
    """One daemon that publishes, and everything that shakes it and its broker."""

    def __init__(self, folder: Path, broker: Broker, seed: int, messages: int) -> None:
        self._random = Random(seed)
        self._broker = broker
        self._topic = new_name("out")
        self._messages = messages
        self._posted = 0
        self._allowed = 0
        self._more = anyio.Event()
        settings = f'[kafka]\nbootstrap = "{broker.bootstrap}"\n[outbox]\ntimeout = "2s"\n'
        flow = FLOW.replace("TOPIC", self._topic)
        made = project(folder / "project", {"told": flow}, settings)
        self._daemon = DaemonProcess(made)
        self._database = made / ".triphammer" / "triphammer.db"
        self.report = Report(seed)

    async def run(self, shakes: int) -> Report:
        """Post all events while `shakes` things happen, then compare."""
        async with open_cluster_client(self._broker.bootstrap) as cluster:
            await cluster.create_topic(self._topic, partitions=PARTITIONS)
        try:
            await anyio.to_thread.run_sync(self._daemon.start)
            async with anyio.create_task_group() as group:
                group.start_soon(self._post_all)
                for number in range(shakes):
                    self._allow((number + 1) / (shakes + 1))
                    await anyio.sleep(self._random.uniform(0.1, 1.0))
                    await self._shake(number)
                self._allow(1.0)
            await self._until(self._messages)
            assert await anyio.to_thread.run_sync(self._daemon.stop) == 0
        finally:
            self._daemon.kill()
        await self._compare()
        return self.report

    def _allow(self, share: float) -> None:
        """Let so much be posted: each shake is to meet some under way."""
        self._allowed = round(self._messages * share)
        self._more.set()
        self._more = anyio.Event()

    async def _post_all(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            while self._posted < self._messages:
                last = min(self._posted + BATCH, self._messages)
                await self._post(client, [_event(n) for n in range(self._posted, last)])
                self._posted = last
                while self._allowed <= self._posted < self._messages:
                    await self._more.wait()

    async def _post(self, client: httpx.AsyncClient, events: Sequence[Any]) -> None:
        """Again and again under the same ids: the daemon may be down."""
        while True:
            try:
                url = f"{self._daemon.url}/api/v1/events"
                if (await client.post(url, json=events, headers=BATCHED)).status_code == 202:
                    return
            except httpx.TransportError:
                pass
            await anyio.sleep(0.05)

    # --- shaking ------------------------------------------------------------------------

    async def _shake(self, number: int) -> None:
        kinds = (
            self._kill_both,
            self._freeze_broker,
            self._kill_daemon,
            self._restart_broker,
            self._kill_broker,
        )
        kind = kinds[number % len(kinds)]
        await kind()
        self.report.done[kind.__name__.strip("_").replace("_", " ")] += 1

    async def _kill_daemon(self) -> None:
        await anyio.to_thread.run_sync(self._daemon.kill)
        await anyio.to_thread.run_sync(self._daemon.start)

    async def _kill_broker(self) -> None:
        await self._away(self._broker.kill)

    async def _restart_broker(self) -> None:
        await self._away(self._broker.stop)

    async def _kill_both(self) -> None:
        await self._away(self._broker.kill, self._kill_daemon)

    async def _freeze_broker(self) -> None:
        """For longer than an attempt may take: what was sent then is sent again, and both come."""
        self._broker.freeze()
        try:
            self._allow(self._allowed / self._messages + 0.01)
            await anyio.sleep(self._random.uniform(2.0, 4.0))
        finally:
            self._broker.thaw()
        await self._back()

    async def _away(self, end: Any, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        await anyio.to_thread.run_sync(end)
        self._allow(self._allowed / self._messages + 0.01)
        await anyio.sleep(self._random.uniform(0.0, 3.0))
        if meanwhile is not None:
            await meanwhile()
        await anyio.to_thread.run_sync(self._broker.start)
        await self._back()

    async def _back(self) -> None:
        began, before = time.monotonic(), self._delivered()
        if before < self._posted:
            await self._until(before + 1)
            self.report.recovered.append(time.monotonic() - began)

    async def _until(self, count: int) -> None:
        while self._delivered() < count:  # noqa: ASYNC110 - the daemon may be down: nobody tells
            await anyio.sleep(0.05)

    def _stored(self, sql: str) -> list[Any]:
        with closing(opened(self._database)) as database:
            return database.execute(sql).fetchall()

    def _delivered(self) -> int:
        count: int = self._stored("SELECT count(*) FROM outbox WHERE state = 'delivered'")[0][0]
        return count

    # --- comparing ----------------------------------------------------------------------

    async def _compare(self) -> None:
        committed = self._stored("SELECT id, key FROM outbox ORDER BY seq")
        async with open_cluster_client(self._broker.bootstrap) as cluster:
            records = await cluster.read_all(self._topic)
        arrived = [dict(record.headers)["triphammer-id"].decode() for record in records]
        first = list(dict.fromkeys(arrived))
        report, known = self.report, dict(committed)
        report.messages, report.again = len(committed), len(arrived) - len(first)
        report.missing = sorted(known.keys() - set(arrived))
        report.strange = sorted(set(arrived) - known.keys())
        report.strange = [*report.strange, *_under_two_ids(records)]
        report.out_of_order = _out_of_order(committed, first, known)


def _event(n: int) -> Any:
    data = {"n": n, "key": f"k{n % KEYS}"}
    return {"specversion": "1.0", "type": "go", "source": "test", "id": str(n), "data": data}


def _under_two_ids(records: Sequence[Any]) -> list[str]:
    """The values that have come under more than one id."""
    ids: defaultdict[bytes, set[bytes]] = defaultdict(set)
    for record in records:
        ids[record.value].add(dict(record.headers)["triphammer-id"])
    return [value.decode() for value, those in ids.items() if len(those) > 1]


def _out_of_order(
    committed: Sequence[tuple[str, str]], first: Sequence[str], known: dict[str, str]
) -> list[str]:
    """The keys whose messages did not first arrive in the order of their commits."""
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    came: defaultdict[str, list[str]] = defaultdict(list)
    for id, key in committed:
        wanted[key].append(id)
    for id in first:
        came[known.get(id, "")].append(id)
    return [key for key in wanted if wanted[key] != came[key]]


async def run_storm(
    folder: Path, broker: Broker, *, messages: int, shakes: int, seed: int
) -> Report:
    """One storm from beginning to end; what it found."""
    return await Storm(folder, broker, seed, messages).run(shakes)


def main() -> None:
    """The long version, by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--shakes", type=int, default=24)
    parser.add_argument("--seed", type=int, default=Random().randrange(1_000_000))
    given = parser.parse_args()
    say_command("kafka_outbox", given)
    # The clients here are cut off on purpose, again and again.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name, open_broker(Path(name)) as broker:
        report = anyio.run(
            lambda: run_storm(
                Path(name), broker, messages=given.messages, shakes=given.shakes, seed=given.seed
            )
        )
    print(report)
    sys.exit(bool(report.faults))


if __name__ == "__main__":
    main()
