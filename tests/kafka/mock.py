"""The mock cluster inside librdkafka: reading and writing also where Java is missing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import confluent_kafka


@contextmanager
def open_mock_cluster() -> Generator[str]:
    """One mocked broker, whose topics appear when they are asked for, with four
    partitions; it has no operator's requests. Yields its address.
    """
    producer_kind: Any = confluent_kafka.Producer
    # The cluster lives as long as the client that was made with it.
    producer = producer_kind({"test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = producer.list_topics(timeout=10).brokers.values()
    yield f"{broker.host}:{broker.port}"
    producer.flush()
