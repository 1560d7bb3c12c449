"""Reloads under events: `python -m tests.chaos.reload_storm` plays the long version."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.regime import seed, times
from tests.chaos.reload_storm import run_storm

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]


async def test_a_few_reloads_lose_nothing_and_mix_nothing(tmp_path: Path) -> None:
    report = await run_storm(tmp_path, rounds=6, rate=50, seed=seed())
    print(report)
    assert report.is_good, str(report)
    assert (report.reloads, report.broken) == (6, 1)
    assert report.versions >= 5


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_many_reloads_lose_nothing_and_mix_nothing(tmp_path: Path) -> None:
    report = await run_storm(tmp_path, rounds=times(100), rate=200, seed=seed())
    print(report)
    assert report.is_good, str(report)
    assert report.reloads == times(100)
