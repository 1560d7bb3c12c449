"""Everything at once, again and again: no promise of dispatch is broken, and the same seed
gives the same trace."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.chaos.dispatch_races import STEPS, Races, digest
from tests.chaos.kill_loop import ROOT
from tests.chaos.regime import seed, times

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


def test_no_promise_is_broken_whatever_happens_at_once() -> None:
    first = seed()
    for number in range(first, first + times(6)):
        print(f"seed {number}")
        Races(number).play(STEPS)


def test_the_same_seed_gives_the_same_trace() -> None:
    number = seed()
    first, second = Races(number).play(STEPS), Races(number).play(STEPS)
    assert first == second
    assert first != Races(number + 1).play(STEPS)


def test_the_same_seed_gives_the_same_trace_in_another_process() -> None:
    """One in which texts have other hashes: no set's order is part of a trace."""
    number = seed()
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.dispatch_races", "--seed", f"{number}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[-1] == digest(Races(number).play(STEPS))
