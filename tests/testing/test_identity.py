"""The same flows, seed and input give the same trace, however often and wherever."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from tests.house.tracked import ROOT
from tests.testing.month import FLOWS, digest, month
from triphammer.testing import simulate

DST = datetime(2026, 3, 28, 12, tzinfo=UTC)
"""In the night after, clocks are put forward in Berlin."""


@pytest.mark.slow
def test_a_hundred_simulations_of_a_change_of_clocks_are_one() -> None:
    traces = {digest(month(1, DST)) for _ in range(100)}
    assert len(traces) == 1


def test_the_order_of_hashes_does_not_matter() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-m", "tests.testing.month"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.slow
def test_a_month_is_the_same_each_time_and_all_of_it_is_there() -> None:
    first = month()
    assert month() == first
    assert sum(" event triphammer.timer.fired hourly" in line for line in first) == 720
    assert sum(" event triphammer.timer.fired daily" in line for line in first) == 30
    # 2:30 is not there on the 29th of March: it fires right after the gap.
    berlin = [line for line in first if " event triphammer.timer.fired berlin" in line]
    assert len(berlin) == 30
    assert any("fetch attempt 2 failed" in line for line in first)


def test_another_seed_is_another_month_but_for_its_schedule() -> None:
    def ends(seed: int) -> list[str]:
        with simulate(*FLOWS, start=DST, seed=seed) as sim:
            sim.advance("1d")
            return [str(run.finished_at) for run in sim.runs()]

    assert ends(1) == ends(1) != ends(2)
