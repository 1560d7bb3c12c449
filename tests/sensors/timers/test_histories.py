"""Clocks that are set, machines that sleep, daemons that stop: no tick twice, none lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import anyio
import pytest
import trio
from anyio.abc import TaskGroup, TaskStatus
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.sensors.harness import START, FakeClock, Recorder, make_context, spec_of
from tests.sensors.timers.cron_oracle import CronOracle
from tests.sensors.timers.history import Fired, Stretch, of_every, of_fixed_dues
from triphammer.config.clock import REREAD_SECONDS, SystemClock
from triphammer.config.source import Source
from triphammer.sensors.timers import at, cron, every
from triphammer.sensors.timers.sensor import TimerSensor
from triphammer.sensors.timers.source import Missed
from triphammer.sensors.times import micros

SECOND = 1_000_000
MINUTE = 60
HOUR = 3600
Action = tuple[str, int]
"""`wait` and `step` take seconds; a suspend is a step forward, for the loop's time stands."""


class RereadClock(SystemClock):
    """The system's clock as it is, but for the time it shows: it learns of a step by itself."""

    def __init__(self) -> None:
        self._ahead = START - round(anyio.current_time() * 1e6)

    def now(self) -> int:
        return self._ahead + round(anyio.current_time() * 1e6)

    def step(self, micros: int) -> None:
        self._ahead += micros


class Past:
    """A timer sensor in a history. Each action has a millisecond of its own, so that none falls
    together with a tick."""

    def __init__(self, source: Source, clock: FakeClock | RereadClock) -> None:
        self.clock = clock
        self.recorder = Recorder()
        self.stretches: list[Stretch] = []
        self._context = make_context(spec_of(source), self.recorder, clock=clock)
        self._scope: anyio.CancelScope | None = None

    async def live(self, actions: Sequence[Action]) -> None:
        async with anyio.create_task_group() as group:
            for kind, seconds in [("start", 0), *actions, ("start", 0), ("wait", 20)]:
                await self._act(group, kind, seconds)
            group.cancel_scope.cancel()

    async def _act(self, group: TaskGroup, kind: str, seconds: int) -> None:
        fresh = kind == "start" and self._scope is None
        if kind == "stop" and self._scope is not None:
            self._scope.cancel()
            self._scope = None
        elif kind == "step":
            self.clock.step(seconds * SECOND)
        length = (seconds if kind == "wait" else 0) * SECOND + 1000
        began = round(anyio.current_time() * 1e6)
        running = fresh or self._scope is not None
        self.stretches.append(Stretch(began, self.clock.now(), length, running, fresh))
        if fresh:
            await group.start(self._run)
        await anyio.sleep((began + length) / 1e6 - anyio.current_time())

    async def _run(self, *, task_status: TaskStatus[None]) -> None:
        with anyio.CancelScope() as self._scope:
            await TimerSensor.build(self._context).run(task_status=task_status)

    def fired(self) -> Fired:
        events = self.recorder.events
        return Fired(
            [micros(event.time) for event in events],
            list(self.recorder.times),
            [event.data["missed"] for event in events],
        )


def past_of(source: Source, actions: Sequence[Action], *, rereads: bool = False) -> Past:
    """The history of `actions`, lived through in virtual time."""

    async def main() -> Past:
        past = Past(source, RereadClock() if rereads else FakeClock())
        await past.live(actions)
        return past

    return trio.run(main, clock=MockClock(autojump_threshold=0))


STEPS = st.integers(2, 2 * HOUR) | st.integers(-2 * HOUR, -2) | st.sampled_from([HOUR, -HOUR, 600])
ACTIONS = st.lists(
    st.tuples(st.just("wait"), st.integers(1, 15 * MINUTE))
    | st.tuples(st.just("step"), STEPS)
    | st.sampled_from([("stop", 0), ("start", 0)]),
    max_size=14,
)
MISSED: list[Missed] = ["last", "all", "none"]
CRONS = ["* * * * *", "*/7 * * * *", "0 * * * *", "13,31 */2 * * *"]
SPAN = timedelta(days=2)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
UTC_ORACLE = CronOracle(ZoneInfo("UTC"), EPOCH - SPAN, EPOCH + SPAN)
DUES = {expression: UTC_ORACLE.dues(expression) for expression in CRONS}


def agrees(real: Fired, expected: Fired) -> None:
    assert real.dues == expected.dues
    assert real.missed == expected.missed
    assert all(abs(a - b) <= 2 for a, b in zip(real.times, expected.times, strict=True))


@settings(max_examples=150)
@given(st.sampled_from(CRONS), st.sampled_from(["last", "all"]), ACTIONS)
@example("* * * * *", "last", [("wait", 90), ("step", -HOUR), ("wait", 300), ("step", HOUR)])
@example("* * * * *", "all", [("wait", 90), ("step", 600), ("stop", 0), ("wait", 300)])
@example("0 * * * *", "last", [("stop", 0), ("step", HOUR), ("start", 0), ("step", -HOUR)])
def test_cron(expression: str, missed: Missed, actions: list[Action]) -> None:
    past = past_of(cron(expression, missed=missed), actions)
    # Not even tried twice: identities need not catch anything.
    assert len(past.recorder.events) == sum(len(e.events) for e in past.recorder.emissions)
    agrees(past.fired(), of_fixed_dues(DUES[expression], past.stretches, missed))


@settings(max_examples=100)
@given(st.sampled_from(CRONS), ACTIONS)
@example("* * * * *", [("wait", 90), ("step", 600), ("wait", 90)])
@example("0 * * * *", [("wait", 90), ("step", HOUR), ("wait", 90), ("step", -HOUR)])
def test_cron_that_leaves_out_what_was_missed(expression: str, actions: list[Action]) -> None:
    past = past_of(cron(expression, missed="none"), actions)
    real, expected = past.fired(), of_fixed_dues(DUES[expression], past.stretches, "none")
    assert set(real.dues) - expected.perhaps == set(expected.dues) - expected.perhaps
    assert real.dues == sorted(set(real.dues))
    assert all(time >= due for due, time in zip(real.dues, real.times, strict=True))
    if real.dues:  # each due time until there is fired or counted
        first = past.stretches[0].wall
        counted = [due for due in DUES[expression] if first < due <= real.dues[-1]]
        assert len(real.dues) + sum(real.missed) == len(counted)


@settings(max_examples=60)
@given(st.sampled_from(CRONS), ACTIONS)
def test_a_clock_that_is_only_reread(expression: str, actions: list[Action]) -> None:
    """Every step and suspend is noticed soon, and none of it costs a tick or doubles one."""
    calm = [a for action in actions for a in (action, ("wait", 6))]
    past = past_of(cron(expression, missed="all"), calm, rereads=True)
    real, expected = past.fired(), of_fixed_dues(DUES[expression], past.stretches, "all")
    assert real.dues == expected.dues
    for time, soonest in zip(real.times, expected.times, strict=True):
        assert 0 <= time + 2 - soonest <= REREAD_SECONDS * SECOND + 4


@settings(max_examples=150)
@given(st.sampled_from([7, 60, 601]), st.sampled_from(["last", "all"]), ACTIONS)
@example(60, "last", [("wait", 90), ("step", -HOUR), ("wait", 300), ("step", HOUR)])
@example(7, "last", [("wait", 61), ("step", -66)])
@example(60, "all", [("wait", 90), ("stop", 0), ("step", -HOUR), ("start", 0), ("stop", 0)])
def test_every(period: int, missed: Missed, actions: list[Action]) -> None:
    past = past_of(every(period, missed=missed), actions)
    expected = of_every(period * SECOND, past.stretches, missed)
    # Begun anew it may come to a time that has fired before the clock was set back, here where
    # all times are whole seconds: that one does not fire twice.
    agrees(past.fired(), expected.once())


@settings(max_examples=60)
@given(st.integers(1, 3 * HOUR), st.sampled_from(MISSED), ACTIONS)
def test_at(seconds: int, missed: Missed, actions: list[Action]) -> None:
    due = EPOCH + timedelta(seconds=seconds)
    past = past_of(at(due, missed=missed), actions)
    real, expected = past.fired(), of_fixed_dues([micros(due)], past.stretches, missed)
    assert set(real.dues) - expected.perhaps == set(expected.dues) - expected.perhaps
    assert len(real.dues) <= 1
    if missed != "none":
        agrees(real, expected)


@pytest.mark.parametrize("restarts", [1, 5])
def test_every_ticks_in_spite_of_restarts_after_the_clock_was_set_back(restarts: int) -> None:
    down_and_up = [("stop", 0), ("wait", 1), ("start", 0), ("wait", 25 * MINUTE)]
    actions = [("wait", HOUR + 1), ("stop", 0), ("step", -10 * HOUR), ("start", 0)]
    past = past_of(every("1h"), [*actions, *down_and_up * restarts])
    assert len(past.recorder.events) == 1 + (restarts * 25 * MINUTE + 20) // HOUR
