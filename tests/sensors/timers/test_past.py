"""The ticks of a stretch of the past are those that the sensor would have fired."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import anyio
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.sensors.harness import FakeClock, Recorder, make_context, spec_of
from tests.sensors.timers.cron_oracle import ZONES, CronOracle
from tests.sensors.timers.test_schedule import EXPRESSIONS, STARTS
from triphammer.config.source import Source
from triphammer.sensors.timers import cron, every
from triphammer.sensors.timers.past import past_ticks
from triphammer.sensors.timers.schedule import At, Cron, Every
from triphammer.sensors.timers.sensor import TimerSensor
from triphammer.sensors.times import micros, parse_rfc3339

DAY = 86_400_000_000


@settings(max_examples=80)
@given(EXPRESSIONS, st.sampled_from(ZONES), STARTS, st.integers(0, 600), st.integers(0, 2880))
def test_cron_as_the_oracle_says(
    expression: str, zone: ZoneInfo, start: datetime, after: int, minutes: int
) -> None:
    begin = start + timedelta(minutes=after)
    end = begin + timedelta(minutes=minutes)
    expected = CronOracle(zone, begin, end + timedelta(minutes=1)).dues(expression)
    schedule = Cron(expression, zone)
    found = list(past_ticks(schedule, micros(begin), micros(end), None))
    assert [tick.due for tick in found] == expected
    for tick in found:
        assert tick.start == schedule.previous(tick.due)


def fired(source: Source, begin: int, end: int) -> list[tuple[int, int]]:
    """Due times and beginnings of the intervals that a sensor fires, started at `begin - 1`."""

    async def main() -> list[tuple[int, int]]:
        recorder, clock = Recorder(), FakeClock()
        clock.step(begin - 1 - clock.now())
        async with anyio.create_task_group() as group:
            sensor = TimerSensor.build(make_context(spec_of(source), recorder, clock=clock))
            await group.start(sensor.run)
            await anyio.sleep((end - begin + 1) / 1e6 + 0.0001)
            group.cancel_scope.cancel()
        return [
            (micros(event.time), micros(parse_rfc3339(event.data["start"])))
            for event in recorder.events
        ]

    return trio.run(main, clock=MockClock(autojump_threshold=0))


@settings(max_examples=40)
@given(EXPRESSIONS, st.sampled_from(ZONES), STARTS)
def test_cron_as_the_sensor_fires(expression: str, zone: ZoneInfo, start: datetime) -> None:
    begin = micros(start)
    end = begin + DAY
    live = fired(cron(expression, tz=zone, missed="all"), begin, end)
    assert [*past_ticks(Cron(expression, zone), begin, end, None)] == live


@settings(max_examples=60)
@given(st.integers(1, 7200), st.integers(-DAY, DAY), st.integers(0, DAY))
def test_every_counts_from_a_tick_that_fired(seconds: int, last: int, span: int) -> None:
    period, begin = seconds * 1_000_000, 40 * DAY
    anchor = begin + last
    found = [tick.due for tick in past_ticks(Every(period), begin, begin + span, anchor)]
    first = begin + (anchor - begin) % period
    assert found == list(range(first, begin + span + 1, period))


def test_every_as_the_sensor_fires() -> None:
    begin = 20_000 * DAY
    live = fired(every("7m"), begin, begin + DAY)
    found = [*past_ticks(Every(420_000_000), begin, begin + DAY, begin - 1)]
    assert found == live


def test_at_falls_into_its_stretch_once() -> None:
    assert [*past_ticks(At(5), 5, 5, None)] == [(5, 5)]
    assert [*past_ticks(At(5), 6, 9, None)] == []
    assert [*past_ticks(At(5), 0, 4, 3)] == []
