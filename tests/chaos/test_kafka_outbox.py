"""I4 for Kafka, while daemon and broker are killed: `python -m tests.chaos.kafka_outbox`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.kafka_outbox import run_storm
from tests.chaos.regime import seed, times
from tests.kafka.broker import Broker

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.chaos,
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]


async def test_messages_arrive_in_order_per_key_under_one_id(kafka: Broker, tmp_path: Path) -> None:
    report = await run_storm(tmp_path, kafka, messages=times(2_000), shakes=times(3), seed=seed())
    print(report)
    assert report.done.total() == times(3)
    assert report.messages == times(2_000)
    assert not report.faults, str(report)
