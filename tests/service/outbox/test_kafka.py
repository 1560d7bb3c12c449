from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import anyio
import pytest

from tests.kafka.broker import Broker
from tests.kafka.cluster import ClusterClient, new_name, open_cluster_client
from tests.service.outbox.ledger import Ledger, ManualClock, make_worker, webhook
from tests.support.receiver import open_receiver
from triphammer.config.secrets import Secrets
from triphammer.config.settings import KafkaSettings, OutboxSettings, Settings
from triphammer.flows.journal import OutMessage
from triphammer.service.outbox.kafka import KafkaSender
from triphammer.service.outbox.outcome import Dead, Delivered, Outcome, Retry

pytestmark = [pytest.mark.anyio, pytest.mark.kafka]


@pytest.fixture
async def cluster(kafka: Broker) -> AsyncGenerator[ClusterClient]:
    async with open_cluster_client(kafka.bootstrap) as client:
        yield client


def settings(bootstrap: str) -> Settings:
    return Settings(
        kafka=KafkaSettings(bootstrap=bootstrap),
        outbox=OutboxSettings(timeout=timedelta(seconds=5), first_retry=timedelta(seconds=1)),
    )


def make_sender(bootstrap: str, timeout: float = 5.0) -> KafkaSender:
    return KafkaSender(
        settings=settings(bootstrap),
        secrets=Secrets(),
        timeout=timeout,
        log=logging.getLogger("test.outbox"),
    )


def message(id: str, topic: str, body: bytes | None = b"{}", **more: Any) -> OutMessage:
    return OutMessage(id=id, kind="kafka", target=topic, body=body, **more)


async def test_a_message_is_published_with_key_headers_and_id(
    kafka: Broker, cluster: ClusterClient
) -> None:
    name = new_name("out")
    await cluster.create_topic(name)
    async with make_sender(kafka.bootstrap) as sender:
        sent = message("msg_1", name, b'{"a":1}', key="kö", headers={"trace": "é"})
        assert await sender.deliver(sent) == Delivered()
        assert await sender.deliver(message("msg_2", name, None, key="b")) == Delivered()
    first, second = await cluster.read(name, 2)
    assert (first.key, first.value) == ("kö".encode(), b'{"a":1}')
    assert dict(first.headers) == {"trace": "é".encode(), "triphammer-id": b"msg_1"}
    assert (second.key, second.value) == (b"b", None)


async def test_many_at_once_arrive_once_each(kafka: Broker, cluster: ClusterClient) -> None:
    name = new_name("out")
    await cluster.create_topic(name)
    outcomes: list[Outcome] = []

    async def send(number: int) -> None:
        outcomes.append(await sender.deliver(message(f"msg_{number}", name)))

    async with make_sender(kafka.bootstrap) as sender, anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(send, number)
    assert outcomes == [Delivered()] * 200
    ids = {dict(record.headers)["triphammer-id"] for record in await cluster.read(name, 200)}
    assert len(ids) == 200


async def test_what_the_broker_never_takes_is_dead_and_harms_no_other(
    kafka: Broker, cluster: ClusterClient
) -> None:
    name = new_name("out")
    await cluster.create_topic(name)
    async with make_sender(kafka.bootstrap) as sender:
        assert await sender.deliver(message("msg_1", name)) == Delivered()
        big = await sender.deliver(message("msg_big", name, b"x" * 2_000_000))
        assert isinstance(big, Dead)
        assert await sender.deliver(message("msg_2", name)) == Delivered()
        assert isinstance(await sender.deliver(message("msg_3", "no topic!")), Dead)
        assert await sender.deliver(message("msg_4", name)) == Delivered()
    ids = [dict(record.headers)["triphammer-id"] for record in await cluster.read(name, 3)]
    assert ids == [b"msg_1", b"msg_2", b"msg_4"]


async def test_a_topic_that_is_not_there_is_named(kafka: Broker, cluster: ClusterClient) -> None:
    name, missing = new_name("out"), new_name("missing")
    await cluster.create_topic(name)
    async with make_sender(kafka.bootstrap, timeout=1) as sender:
        assert await sender.deliver(message("msg_1", name)) == Delivered()
        outcome = await sender.deliver(message("msg_2", missing))
        assert await sender.deliver(message("msg_3", name)) == Delivered()
        if isinstance(outcome, Delivered):
            pytest.skip("this broker creates the topics that it is asked for")
        assert outcome == Retry(f"no topic {missing!r} at {kafka.bootstrap}; create it")
        await cluster.create_topic(missing)
        assert await sender.deliver(message("msg_2", missing)) == Delivered()


async def test_a_broker_that_is_away_holds_up_only_its_own(kafka: Broker) -> None:
    name = new_name("out")
    ledger, clock = Ledger(), ManualClock()
    worker = make_worker(ledger, clock, settings=settings(kafka.bootstrap))
    async with (
        open_cluster_client(kafka.bootstrap) as cluster,
        open_receiver() as receiver,
        anyio.create_task_group() as group,
    ):
        await cluster.create_topic(name)
        await group.start(worker.run)
        ledger.add(message("msg_1", name, key="k"))
        worker.notify()
        await ledger.settled("msg_1")
        await anyio.to_thread.run_sync(kafka.stop)
        ledger.add(message("msg_2", name, key="k"), message("msg_3", name, key="k"))
        ledger.add(webhook("msg_w", receiver.url))
        worker.notify()
        assert (await ledger.settled("msg_w")).state == "delivered"
        row = await ledger.attempted("msg_2")
        assert row.state == "pending"
        assert row.error is not None
        assert kafka.bootstrap in row.error
        await anyio.to_thread.run_sync(kafka.start)
        while ledger.rows["msg_3"].state == "pending":
            # Each attempt that fails puts the message off; the clock goes on by as much.
            before = len(ledger.results)
            clock.step(60)
            worker.notify()
            await ledger.wait_results(before + 1)
        group.cancel_scope.cancel()
    async with open_cluster_client(kafka.bootstrap) as cluster:
        records = await cluster.read(name, 3)
    ids = [dict(record.headers)["triphammer-id"] for record in records]
    assert list(dict.fromkeys(ids)) == [b"msg_1", b"msg_2", b"msg_3"]


@pytest.mark.parametrize(
    "faulty",
    [
        message("m", "t", None),
        message("m", "t", key="\ud800"),
        message("m", "t", headers={"a": "\ud800"}),
    ],
)
async def test_what_cannot_be_sent_at_all_is_dead(kafka: Broker, faulty: OutMessage) -> None:
    async with make_sender(kafka.bootstrap) as sender:
        assert isinstance(await sender.deliver(faulty), Dead)


async def test_a_broker_that_is_nowhere() -> None:
    async with make_sender("127.0.0.1:9", timeout=2) as sender:
        outcome = await sender.deliver(message("msg_1", "out"))
    assert isinstance(outcome, Retry)
    assert outcome.unreachable
    assert "127.0.0.1:9" in outcome.reason
