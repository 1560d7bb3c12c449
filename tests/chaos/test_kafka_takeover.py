"""Two daemons of one group with a store each: what one had stored and not yet committed to the
broker when it died comes again to the other, under the same ids, and nothing else does."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from random import Random
from typing import Any

import anyio
import anyio.to_thread
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.chaos.audit import opened
from tests.chaos.regime import seed, times
from tests.kafka.broker import Broker
from tests.kafka.cluster import ClusterClient, new_name, open_cluster_client

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.chaos,
    pytest.mark.kafka,
    pytest.mark.slow,
]
PARTITIONS = 4
FLOW = """
from triphammer import Event, flow, task, topic

@task
async def note(event: Event) -> int:
    return 1

@flow(on=topic("NAME", group="GROUP"), max_runs=1000)
def records(event: Event):
    return note(event)
"""
Committed = Mapping[tuple[str, int], tuple[int, str]]


def ids(daemon: DaemonProcess) -> list[str]:
    """Those of the records in the daemon's store, whether it lives or not."""
    with closing(opened(daemon.project / ".triphammer" / "triphammer.db")) as database:
        rows = database.execute("SELECT id FROM events WHERE type = 'triphammer.kafka.record'")
        return [id for (id,) in rows]


def not_committed(stored: list[str], committed: Committed) -> set[str]:
    """The ids of the records that the broker does not know to be taken."""

    def is_behind(id: str) -> bool:
        topic, partition, rest = id.split("/")
        return int(rest.partition("@")[0]) >= committed.get((topic, int(partition)), (0, ""))[0]

    return {id for id in stored if is_behind(id)}


class Pair:
    """The daemons, the topic that they share, and what is produced to it."""

    def __init__(self, make_daemon: Serve, kafka: Broker, client: ClusterClient) -> None:
        self._make = make_daemon
        self._settings = f'[kafka]\nbootstrap = "{kafka.bootstrap}"\n'
        self.client = client
        self.topic, self.group = new_name("takeover"), new_name("group")

    async def start(self, name: str, *through: str) -> DaemonProcess:
        text = FLOW.replace("NAME", self.topic).replace("GROUP", self.group)
        make: Any = self._make
        return await anyio.to_thread.run_sync(
            lambda: make({"f": text}, self._settings, name=name, through=through)
        )

    async def produce(self, rounds: int) -> None:
        for _ in range(rounds):
            for partition in range(PARTITIONS):
                await self.client.produce(self.topic, [b"{}"] * 5, partition=partition)

    async def all_taken(self, *daemons: DaemonProcess) -> None:
        produced = await self.client.count(self.topic)
        while len({id for daemon in daemons for id in ids(daemon)}) < produced:  # noqa: ASYNC110
            await anyio.sleep(0.05)  # two processes write and tell nobody

    async def meet(self, first: DaemonProcess) -> int:
        """The first is dead: let the second take over, the first come back, and compare; how
        many came again."""
        stored = ids(first)
        behind = not_committed(stored, await self.client.committed(self.group))
        second = await self.start("second")
        await self.produce(2)
        await self.all_taken(first, second)
        again = set(stored) & set(ids(second))
        first.through = ()
        await anyio.to_thread.run_sync(first.start)
        await self.produce(4)
        await self.all_taken(first, second)
        print(f"stored {len(stored)}; not committed {len(behind)}; came again {len(again)}")
        assert again <= behind, "what the broker knew came again"
        both = ids(first), ids(second)
        assert set(both[0]) & set(both[1]) == again, "who comes back repeats nothing"
        assert all(len(each) == len(set(each)) for each in both)
        assert [first.stop(), second.stop()] == [0, 0]
        return len(again)


async def test_a_death_between_the_store_and_the_broker(make_daemon: Serve, kafka: Broker) -> None:
    async with open_cluster_client(kafka.bootstrap) as client:
        pair = Pair(make_daemon, kafka, client)
        await client.create_topic(pair.topic, partitions=PARTITIONS)
        point = (sys.executable, "-m", "tests.chaos.launcher", "before_broker_commit:4", "--")
        first = await pair.start("first", *point)
        while first.lives():
            await pair.produce(1)
        assert not_committed(ids(first), await client.committed(pair.group)), "it died in time"
        assert await pair.meet(first), "and what it had not told the broker came again"


@pytest.mark.parametrize("round_", range(times(1)))
async def test_a_death_at_any_moment(make_daemon: Serve, kafka: Broker, round_: int) -> None:
    random = Random(seed() + round_)
    async with open_cluster_client(kafka.bootstrap) as client:
        pair = Pair(make_daemon, kafka, client)
        await client.create_topic(pair.topic, partitions=PARTITIONS)
        first = await pair.start("first")
        async with anyio.create_task_group() as group:
            group.start_soon(pair.produce, 200)
            await anyio.to_thread.run_sync(first.wait_for_runs, "records", random.randrange(1, 400))
            first.kill()
            group.cancel_scope.cancel()
        await pair.meet(first)
