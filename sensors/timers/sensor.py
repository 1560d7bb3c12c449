"""The timer sensor: turns the ticks of one schedule of one flow into events.

Its position is the last tick that was fired (before the first one: when the timer was first
started), stored in the transaction of the tick's event. So a tick fires once, and what fell
into a stop is known.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import anyio
from anyio.abc import TaskStatus

from triphammer.config.source import SensorSpec
from triphammer.sensors.contract import Emission, SensorContext
from triphammer.sensors.errors import SourceError, StoreUnavailable
from triphammer.sensors.event import Event
from triphammer.sensors.timers.schedule import At, Cron, Every, Overdue, Schedule
from triphammer.sensors.timers.source import time_zone
from triphammer.sensors.timers.tick import tick_event
from triphammer.sensors.times import micros

POSITION = "last"
BATCH = 100
"""Ticks that are made up for in one transaction."""

LEAP = 1_000_000
"""By how many microseconds the wall clock must run ahead of the loop's to have leapt."""


class TimerSensor:
    """Fires the ticks of one schedule. `next_due` (microseconds UTC) is the tick it waits for."""

    kind: ClassVar[str] = "timer"

    def __init__(self, context: SensorContext) -> None:
        self._context = context
        self._options = context.spec.options
        self.flow: str = self._options["flow"]
        self._schedule = schedule_of(self._options, context.settings.flows.timezone)
        self._makes_up: bool = self._options["missed"] != "none"
        self._merged = 0
        self.next_due: int | None = None

    @classmethod
    def merge(cls, specs: Sequence[SensorSpec]) -> SensorSpec:
        """The one timer of a schedule. Raises SourceError where `missed=` and so on differ."""
        first = specs[0]
        for other in specs[1:]:
            if other.options != first.options:
                raise SourceError(
                    f"flow {first.options['flow']!r} names the timer"
                    f" {first.name.partition('/')[2]!r} twice with different options"
                )
        return first

    @classmethod
    def build(cls, context: SensorContext) -> Self:
        return cls(context)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Fire each tick when it is due, until cancelled."""
        last = await self._begin()
        self._context.ready(None)
        task_status.started()
        while True:
            due = self.next_due = self._schedule.next_after(last)
            if due is None:
                await anyio.sleep_forever()
                continue
            elsewhere = await self._wait(due, last)
            last = await self._fire(due, last) if elsewhere is None else elsewhere

    async def _begin(self) -> int:
        """The tick to go on from."""
        now = self._context.clock.now()
        stored = (await self._context.positions()).get(POSITION)
        if stored is None:
            return await self._anchor(now)
        last = int(stored)
        if isinstance(self._schedule, Every) and last > now:
            return await self._emit([], now)
        return last if self._makes_up else self._skip(last, now)

    def _skip(self, last: int, until: int) -> int:
        """Leave the ticks up to `until` out, and only count them; the tick to go on from."""
        overdue = self._schedule.newest(last, until)
        if overdue is None:
            return last
        self._merged += overdue.number
        return overdue.due

    async def _anchor(self, now: int) -> int:
        """A new schedule begins now: nothing before it is ever made up for."""
        begin = now
        if isinstance(self._schedule, Every) and self._options["schedule"]["now"]:
            begin = now - self._schedule.period
        await self._emit([], begin)
        return begin

    async def _wait(self, due: int, last: int) -> int | None:
        """Wait until `due` and its delay. Else the moment to go on from, because the clock leapt.

        Set back behind `last`: `every` begins anew from now; `cron` and `at` stay quiet until
        the clock catches up. Forward, by a step or a suspend: what it leapt over is as missed as
        what fell into a stop, so `missed="none"` leaves it out. What came due after the leap was
        not missed, however late it is noticed.
        """
        clock, until = self._context.clock, due + self._delay(due)
        anew = isinstance(self._schedule, Every)
        looks = anew or not self._makes_up
        while (now := clock.now()) < until:
            if anew and now < last:
                return await self._emit([], now)
            began = anyio.current_time()
            with anyio.move_on_after(clock.reread if looks else math.inf):
                await clock.wait_until(until)
            awake = clock.now() - round((anyio.current_time() - began) * 1e6)
            if not self._makes_up and awake - now > LEAP:
                left = self._skip(last, awake)
                if left != last:
                    return left
        return None

    async def _fire(self, due: int, last: int) -> int:
        """Emit what is due; the last tick that was emitted.

        Ticks are as late as the first of them: one whose own delay is not over yet waits.
        """
        until = max(due, self._context.clock.now() - self._delay(due))
        if self._options["missed"] == "all":
            return await self._fire_all(last, until)
        newest = self._schedule.newest(last, until) or Overdue(due, 1)
        self._merged += newest.number - 1
        return await self._emit([self._event(newest.due, last)], newest.due)

    async def _fire_all(self, last: int, until: int) -> int:
        events: list[Event] = []
        while len(events) < BATCH:
            due = self._schedule.next_after(last)
            if due is None or due > until:
                break
            events.append(self._event(due, last))
            last = due
        return await self._emit(events, last)

    async def _emit(self, events: Sequence[Event], last: int) -> int:
        """Store the events and the position; a store that is away delays them only."""
        emission = Emission(events=events, positions={POSITION: str(last)})
        while True:
            try:
                await self._context.emit(emission)
            except StoreUnavailable as error:
                self._context.ready(str(error))
                await anyio.sleep(error.retry_after)
            else:
                break
        self._context.ready(None)
        if events:
            self._merged = 0
        return last

    def _event(self, due: int, last: int) -> Event:
        return tick_event(
            self.flow,
            due,
            start=self._start(due, last),
            missed=self._merged,
            now=self._context.clock.now(),
        )

    def _start(self, due: int, last: int) -> int:
        """Where the tick's interval begins: at the last one fired, else at the previous due."""
        if self._schedule.is_due(last):
            return last
        previous = self._schedule.previous(due)
        return due if previous is None else previous

    def _delay(self, due: int) -> int:
        """The tick's own part of the jitter, the same after a restart."""
        jitter: int = self._options["jitter"]
        if not jitter:
            return 0
        digest = hashlib.sha256(f"{self._context.spec.name}@{due}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % jitter


def schedule_of(options: Mapping[str, Any], timezone: str) -> Schedule:
    """The schedule that a timer's options describe. Where it names no zone that of its flow
    holds, and `timezone` where the flow names none."""
    schedule, default = options["schedule"], options.get("timezone") or timezone
    match schedule["kind"]:
        case "every":
            return Every(schedule["period"])
        case "cron":
            return Cron(schedule["expression"], time_zone(schedule["tz"] or default, "timezone"))
        case _:
            time = datetime.fromisoformat(schedule["time"])
            zone = time_zone(default, "timezone")
            aware = time if time.tzinfo is not None else time.replace(tzinfo=zone)
            return At(micros(aware.astimezone(UTC)))
