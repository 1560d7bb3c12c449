from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio import run as run_trio
from trio.testing import MockClock

from tests.sensors.harness import FakeClock
from triphammer.flows.timers import LATE_SECONDS, Timers

pytestmark = pytest.mark.anyio
SECOND = 1_000_000
HOUR = 3600 * SECOND


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class Bell:
    """Timers on a clock that can be set, and when each of them called, in seconds of the loop."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.timers = Timers(self.clock)
        self.rung: dict[str, float] = {}
        self._began = anyio.current_time()

    def at(self, seconds: float, name: str) -> None:
        self.timers.at(self.clock.now() + round(seconds * SECOND), lambda: self._ring(name))

    def _ring(self, name: str) -> None:
        assert name not in self.rung
        self.rung[name] = round(anyio.current_time() - self._began, 3)


@asynccontextmanager
async def a_bell() -> AsyncGenerator[Bell]:
    bell = Bell()
    async with anyio.create_task_group() as group:
        await group.start(bell.timers.run)
        await anyio.wait_all_tasks_blocked()
        yield bell
        group.cancel_scope.cancel()


async def test_each_is_called_when_the_clock_says_so() -> None:
    async with a_bell() as bell:
        for seconds, name in [(30, "c"), (10, "a"), (20, "b"), (-5, "now")]:
            bell.at(seconds, name)
        await anyio.sleep(60)
    assert bell.rung == {"now": 0, "a": 10, "b": 20, "c": 30}
    assert list(bell.rung) == ["now", "a", "b", "c"]


async def test_a_clock_set_back_does_not_hold_them_up() -> None:
    async with a_bell() as bell:
        bell.at(10, "before")
        await anyio.sleep(4)
        bell.clock.step(-HOUR)
        bell.at(3, "after")
        await anyio.sleep(60)
    assert bell.rung == {"after": 7, "before": 10 + LATE_SECONDS}


async def test_what_a_suspend_has_passed_over_is_due_at_once() -> None:
    async with a_bell() as bell:
        bell.at(300, "backoff")
        await anyio.sleep(4)
        bell.clock.step(600 * SECOND)
        await anyio.sleep(60)
    assert bell.rung == {"backoff": 4}


STEPS = st.lists(
    st.tuples(st.sampled_from(["wait", "step", "at"]), st.integers(-4000, 4000)), max_size=30
)


@given(STEPS)
def test_each_is_called_once_and_in_time_whatever_the_clock_does(
    steps: list[tuple[str, int]],
) -> None:
    async def main() -> None:
        latest: dict[str, float] = {}
        began = anyio.current_time()
        async with a_bell() as bell:
            for number, (kind, seconds) in enumerate(steps):
                if kind == "wait":
                    await anyio.sleep(abs(seconds) / 10)
                elif kind == "step":
                    bell.clock.step(seconds * SECOND)
                else:
                    name = f"{number}"
                    passed = anyio.current_time() - began
                    latest[name] = passed + max(seconds, 0) + LATE_SECONDS + 0.01
                    bell.at(seconds, name)
            await anyio.sleep(5000)
        assert bell.rung.keys() == latest.keys()
        assert all(time <= latest[name] for name, time in bell.rung.items())

    run_trio(main, clock=MockClock(autojump_threshold=0))
