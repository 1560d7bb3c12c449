"""I1 to I6 against SIGKILL: the short version of `python -m tests.chaos.kill_loop`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.kill_loop import run_loop
from tests.chaos.points import POINTS
from tests.chaos.regime import seed, times
from tests.kafka.broker import Broker
from tests.kafka.node import free_port

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.chaos,
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]


async def test_nothing_is_lost_and_nothing_done_twice(kafka: Broker, tmp_path: Path) -> None:
    kills = times(len(POINTS) * 3 // 2)
    report = await run_loop(
        tmp_path,
        kafka.bootstrap,
        kills=kills,
        events=times(3000),
        seed=seed(),
        port=free_port(),
    )
    print(report)
    assert report.kills.total() == kills
    assert not any(report.broken.values()), str(report)
