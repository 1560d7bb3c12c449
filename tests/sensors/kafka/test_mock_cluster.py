"""The sensor on the mock cluster inside librdkafka, which every machine has."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.kafka.mock import open_mock_cluster
from tests.sensors.kafka.bench import Daemon, reading
from triphammer.sensors.kafka.source import topic

pytestmark = pytest.mark.anyio


@pytest.fixture
async def producer() -> AsyncGenerator[Any]:
    kind: Any = AIOKafkaProducer
    with open_mock_cluster() as bootstrap:
        async with kind(bootstrap_servers=bootstrap) as producer:
            producer.bootstrap = bootstrap
            yield producer


async def produce(producer: Any, first: int, last: int) -> None:
    for number in range(first, last):
        await producer.send_and_wait("orders", b'{"n":%d}' % number, partition=number % 2)


async def test_records_become_events_and_none_twice(producer: Any) -> None:
    daemon = Daemon()
    await produce(producer, 0, 10)
    async with reading(daemon, topic("orders"), producer.bootstrap):
        await daemon.wait_for(10)
    await produce(producer, 10, 20)
    async with reading(daemon, topic("orders"), producer.bootstrap):
        await daemon.wait_for(20)
    assert sorted(event.data["n"] for event in daemon.events) == list(range(20))
    assert daemon.emitted_in_all() == 20
    assert daemon.findings() == []
