from __future__ import annotations

from functools import partial
from typing import Any

import anyio
import pytest

from tests.sensors.harness import START, FakeClock, Recorder, make_context, spec_of
from triphammer.config.settings import FlowSettings, Settings
from triphammer.config.source import SensorSpec, Source
from triphammer.sensors.errors import SourceError, StoreUnavailable
from triphammer.sensors.event import Event
from triphammer.sensors.timers import at, cron, every
from triphammer.sensors.timers.sensor import BATCH, TimerSensor
from triphammer.sensors.timers.source import Missed
from triphammer.sensors.times import micros, rfc3339, utc

pytestmark = pytest.mark.anyio
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR


@pytest.fixture
def anyio_backend(autojump_backend: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    return autojump_backend


class Timer:
    """A timer sensor that can be run for a while, again and again, as over restarts."""

    def __init__(self, source: Source, *, timezone: str = "UTC") -> None:
        self.clock = FakeClock()
        self.started = anyio.current_time()
        self.recorder = Recorder()
        self.source = source
        settings = Settings(flows=FlowSettings(timezone=timezone))
        self._context = make_context(
            spec_of(source), self.recorder, clock=self.clock, settings=settings
        )
        self.sensor = TimerSensor.build(self._context)

    async def run(self, seconds: float) -> list[int]:
        """Run for that long; when the events came, in seconds from the start of the test."""
        before = len(self.recorder.times)
        self.sensor = TimerSensor.build(self._context)
        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as group:
                await group.start(self.sensor.run)
        return [(t - START) // SECOND for t in self.recorder.times[before:]]

    @property
    def dues(self) -> list[int]:
        return [(micros(e.time) - START) // SECOND for e in self.recorder.events]

    @property
    def missed(self) -> list[int]:
        return [e.data["missed"] for e in self.recorder.events]

    @property
    def last(self) -> Event:
        return self.recorder.events[-1]


async def test_every_ticks_from_its_first_start_on() -> None:
    timer = Timer(every("10s"))
    assert await timer.run(35) == [10, 20, 30]
    event = timer.last
    assert event.id == "orders@2026-01-01T00:00:30Z"
    assert (event.source, event.type, event.subject) == (
        "triphammer/timer/orders", "triphammer.timer.fired", "orders",
    )  # fmt: skip
    assert event.data == {
        "due": "2026-01-01T00:00:30Z",
        "start": "2026-01-01T00:00:20Z",
        "end": "2026-01-01T00:00:30Z",
        "missed": 0,
        "backfill": False,
    }
    assert timer.recorder.positions == {"last": str(START + 30 * SECOND)}
    assert timer.recorder.reason is None
    assert timer.sensor.next_due == START + 40 * SECOND


async def test_now_ticks_at_the_first_start_only() -> None:
    timer = Timer(every("10s", now=True))
    assert await timer.run(15) == [0, 10]
    assert timer.recorder.events[0].data["start"] == rfc3339(utc(START - 10 * SECOND))
    assert await timer.run(10) == [20]


async def test_position_and_event_are_one_transaction() -> None:
    timer = Timer(every("10s"))
    await timer.run(25)
    for emission in timer.recorder.emissions[1:]:
        assert emission.positions == {"last": str(micros(emission.events[0].time))}


async def test_a_first_start_is_remembered_before_the_first_tick() -> None:
    timer = Timer(every("10s"))
    assert await timer.run(6) == []
    assert await timer.run(6) == [10]


async def test_a_new_cron_never_catches_up() -> None:
    timer = Timer(cron("30 0 * * *", missed="all"))
    assert await timer.run(3600) == [1800]
    assert timer.last.data["start"] == "2025-12-31T00:30:00Z"


@pytest.mark.parametrize(
    ("missed", "first", "merged", "start"),
    [
        # Down from 25 to 67 seconds: the ticks of 30 to 60 are missed, the next is at 70.
        ("last", [60, 70], [3, 0], "2026-01-01T00:00:20Z"),
        ("all", [30, 40, 50, 60, 70], [0, 0, 0, 0, 0], "2026-01-01T00:00:20Z"),
        ("none", [70], [4], "2026-01-01T00:01:00Z"),
    ],
)
@pytest.mark.parametrize(
    "schedule", [partial(every, "10s"), partial(cron, "*/10 * * * * *")], ids=["every", "cron"]
)
async def test_ticks_that_fell_into_a_stop(
    missed: Missed, first: list[int], merged: list[int], start: str, schedule: Any
) -> None:
    timer = Timer(schedule(missed=missed))
    await timer.run(25)
    before = len(timer.recorder.events)
    await anyio.sleep(42)
    await timer.run(5)
    assert timer.dues[before:] == first
    assert timer.missed[before:] == merged
    assert timer.recorder.events[before].data["start"] == start


async def test_many_missed_ticks_come_in_batches_in_order() -> None:
    timer = Timer(every("1s", missed="all"))
    await timer.run(0.5)
    await anyio.sleep(2 * BATCH + 50)
    await timer.run(0.5)
    sizes = [len(emission.events) for emission in timer.recorder.emissions[1:]]
    assert sizes == [BATCH, BATCH, 50]
    assert timer.dues == list(range(1, 2 * BATCH + 51))


async def test_a_tick_is_never_early_and_never_twice_when_the_clock_goes_back() -> None:
    timer = Timer(cron("* * * * *"))
    await timer.run(61)
    timer.clock.step(-30 * SECOND)
    assert await timer.run(95) == [120]
    assert timer.dues == [60, 120]


async def test_cron_stays_quiet_until_a_clock_set_back_has_caught_up() -> None:
    timer = Timer(cron("* * * * *"))
    async with anyio.create_task_group() as group:
        await group.start(timer.sensor.run)
        await timer.recorder.wait_for(1)
        timer.clock.step(-HOUR)
        await timer.recorder.wait_for(2)
        group.cancel_scope.cancel()
    assert timer.dues == [60, 120]
    assert anyio.current_time() - timer.started == pytest.approx(3720, abs=1)


async def test_every_begins_anew_when_the_clock_is_set_back() -> None:
    timer = Timer(every("1m"))
    async with anyio.create_task_group() as group:
        await group.start(timer.sensor.run)
        await timer.recorder.wait_for(1)
        await anyio.sleep(10)
        timer.clock.step(-HOUR)
        await timer.recorder.wait_for(2)
        group.cancel_scope.cancel()
    assert 60 + 10 + 60 <= anyio.current_time() - timer.started <= 60 + 10 + 60 + 6


async def test_every_begins_anew_when_the_clock_was_set_back_while_stopped() -> None:
    timer = Timer(every("1m"))
    await timer.run(70)
    timer.clock.step(-HOUR)
    assert await timer.run(61) == [70 - 3600 + 60]


async def test_a_clock_set_forward_makes_late_ticks_one() -> None:
    timer = Timer(cron("* * * * *"))
    async with anyio.create_task_group() as group:
        await group.start(timer.sensor.run)
        await anyio.wait_all_tasks_blocked()
        timer.clock.step(600 * SECOND)
        await timer.recorder.wait_for(1)
        group.cancel_scope.cancel()
    assert timer.dues == [600]
    assert timer.missed == [9]


async def test_jitter_delays_the_event_and_not_the_due_time() -> None:
    timer = Timer(cron("* * * * *", jitter="90s"))
    times = await timer.run(1300)
    assert timer.dues == [60 * n for n in range(1, len(times) + 1)]
    assert timer.missed == [0] * len(times)
    delays = [time - due for time, due in zip(times, timer.dues, strict=True)]
    assert all(0 <= delay < 90 for delay in delays[:1])
    assert len(set(delays)) > 5


async def test_jitter_is_the_same_after_a_restart() -> None:
    whole = await Timer(every("1m", jitter="30s")).run(600)
    timer = Timer(every("1m", jitter="30s"))
    pieces = [time for _ in range(60) for time in await timer.run(10)]
    start = pieces[0] - whole[0]
    assert [time - start for time in pieces] == whole


async def test_at_ticks_once_and_for_all() -> None:
    timer = Timer(at("2026-01-01T00:00:30"))
    assert await timer.run(10 * DAY / SECOND) == [30]
    assert timer.last.data["start"] == timer.last.data["due"]
    assert timer.sensor.next_due is None
    assert await timer.run(10) == []


@pytest.mark.parametrize(("missed", "count"), [("last", 1), ("all", 1), ("none", 0)])
async def test_at_that_fell_into_a_stop(missed: Missed, count: int) -> None:
    timer = Timer(at("2026-01-01T00:00:30", missed=missed))
    await timer.run(10)
    await anyio.sleep(60)
    await timer.run(10)
    assert len(timer.recorder.events) == count


async def test_at_in_the_past_never_comes() -> None:
    assert await Timer(at("2025-12-31T23:59:59")).run(100) == []


async def test_times_without_a_zone_are_of_the_zone_of_the_settings() -> None:
    timer = Timer(cron("0 10 * * *"), timezone="Asia/Seoul")
    assert await timer.run(2 * 3600) == [3600]
    once = Timer(at("2026-01-01T09:30"), timezone="Asia/Seoul")
    base = (once.clock.now() - START) // SECOND
    assert await once.run(3600) == [base + 1800]


async def test_a_store_that_is_away_delays_a_tick_and_does_not_drop_it() -> None:
    timer = Timer(every("10s", missed="none"))
    await timer.run(5)
    timer.recorder.failures = [StoreUnavailable("disk full", 3.0)] * 2
    assert await timer.run(14) == [16]
    assert timer.dues == [10]
    assert "disk full" in timer.recorder.reasons
    assert timer.recorder.reason is None


def test_merging_is_for_equal_options_only() -> None:
    spec: SensorSpec = spec_of(every("1m"))
    assert TimerSensor.merge([spec, spec]) == spec
    with pytest.raises(SourceError, match="'every 60s' twice with different options"):
        TimerSensor.merge([spec, spec_of(every("60s", missed="all"))])
