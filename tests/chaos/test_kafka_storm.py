"""I5 against kills, rebalances and a broker that dies: `python -m tests.chaos.kafka_storm`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.kafka_storm import run_storm
from tests.chaos.regime import seed, times
from tests.kafka.broker import Broker

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.chaos,
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]


async def test_each_record_is_taken_in_once(kafka: Broker, tmp_path: Path) -> None:
    report = await run_storm(tmp_path, kafka, records=times(10_000), shakes=times(4), seed=seed())
    print(report)
    assert report.done.total() == times(4)
    assert not report.missing, str(report)
    assert not report.twice, str(report)
    assert report.dead == times(10_000) // 250
