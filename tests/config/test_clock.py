"""Waiting for a point of wall time that may step, on trio's clock that jumps."""

from __future__ import annotations

import time

import pytest
import trio
from trio.testing import MockClock

from triphammer.config.clock import REREAD_SECONDS, SystemClock

SECOND = 1_000_000
HOUR = 3600 * SECOND


class SteppedClock(SystemClock):
    """The machine's clock with its time taken from trio's, plus steps."""

    def __init__(self) -> None:
        self.step = 0

    def now(self) -> int:
        return round(trio.current_time() * SECOND) + self.step


def run_waiting(steps: list[tuple[float, int]], due_in: int) -> tuple[float, int]:
    """Seconds waited, and by how much the wall clock was past due then.

    `steps` are (after how many seconds, by how many microseconds the wall clock steps).
    """

    async def main() -> tuple[float, int]:
        clock = SteppedClock()
        begun, due = trio.current_time(), clock.now() + due_in
        async with trio.open_nursery() as nursery:
            for after, by in steps:
                nursery.start_soon(step, clock, after, by)
            await clock.wait_until(due)
            waited, late = trio.current_time() - begun, clock.now() - due
            nursery.cancel_scope.cancel()
        return waited, late

    return trio.run(main, clock=MockClock(autojump_threshold=0))


async def step(clock: SteppedClock, after: float, by: int) -> None:
    await trio.sleep(after)
    clock.step += by


def test_waits_until_due() -> None:
    waited, late = run_waiting([], HOUR)
    assert waited == pytest.approx(3600, abs=1e-5)
    assert late >= 0


def test_what_is_past_is_not_waited_for() -> None:
    assert run_waiting([], -1)[0] == 0
    assert run_waiting([], 0)[0] == 0


def test_a_step_forwards_is_seen_within_the_re_read() -> None:
    waited, _ = run_waiting([(100, HOUR)], HOUR)
    assert 100 <= waited <= 100 + REREAD_SECONDS


def test_a_step_back_is_waited_out() -> None:
    waited, late = run_waiting([(100, -HOUR)], 200 * SECOND)
    assert waited == pytest.approx(3800, abs=1e-5)
    assert late >= 0


def test_a_step_back_just_before_due_never_ends_it_early() -> None:
    waited, late = run_waiting([(9.999, -60 * SECOND)], 10 * SECOND)
    assert waited == pytest.approx(70, abs=1e-5)
    assert late >= 0


def test_now_is_the_machines_time_in_microseconds() -> None:
    before = time.time_ns() // 1000
    now = SystemClock().now()
    assert before <= now <= time.time_ns() // 1000
