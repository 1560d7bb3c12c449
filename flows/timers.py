"""Callbacks at points of the wall clock, kept by one task."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass

import anyio
from anyio.abc import TaskStatus

from triphammer.config.clock import Clock, steady

LATE_SECONDS = 1.0
"""A step back of the wall clock holds a callback up by this much at most."""


@dataclass(slots=True)
class _Call:
    action: Callable[[], None]
    called: bool = False


_Heap = list[tuple[float, int, _Call]]


class Timers:
    """`at` may be called before and while `run` runs, on the loop.

    What waits here are durations (backoff, a task's turn) that happen to be written down as
    points of the wall clock. So each is called once the clock says so, and, should the clock
    be set back, no later than the time that was left when it was handed in.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: _Heap = []
        self._latest: _Heap = []
        self._order = 0
        self._waiting: anyio.CancelScope | None = None

    def at(self, due: int, action: Callable[[], None]) -> None:
        """Call `action` on the loop once the clock says `due` (microseconds UTC)."""
        self._order += 1
        call, left = _Call(action), (due - self._clock.now()) / 1e6
        latest = _elapsed() + max(left, 0.0) + LATE_SECONDS
        heapq.heappush(self._due, (due, self._order, call))
        heapq.heappush(self._latest, (latest, self._order, call))
        if self._order in (self._due[0][1], self._latest[0][1]) and self._waiting is not None:
            self._waiting.cancel()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Call what is due until cancelled."""
        task_status.started()
        while True:
            # An earlier time that is added meanwhile ends the wait; see `at`.
            with anyio.CancelScope() as self._waiting:
                await self._wait()
            self._waiting = None
            self._call_due()

    async def _wait(self) -> None:
        if not self._due:
            await anyio.sleep_forever()
        due = int(self._due[0][0])
        if self._clock.reread == math.inf:  # no step of it holds anything up
            await self._clock.wait_until(due)
            return
        left = self._latest[0][0] - _elapsed()
        with anyio.move_on_after(max(left, 0.0)):
            await self._clock.wait_until(due)

    def _call_due(self) -> None:
        now, elapsed = self._clock.now(), _elapsed()
        while (call := _first(self._due, now) or _first(self._latest, elapsed)) is not None:
            call.called = True
            call.action()
        _first(self._due, -math.inf)
        _first(self._latest, -math.inf)


class Ticks:
    """Time that no step of the wall clock moves, as a clock: for what are durations."""

    reread = math.inf

    def now(self) -> int:
        """Microseconds since some moment."""
        return steady()

    async def wait_until(self, due: int) -> None:
        """Return once `now() >= due`."""
        while (left := due - self.now()) > 0:  # noqa: ASYNC110 - the time itself is waited for
            await anyio.sleep(left / 1e6)


def _elapsed() -> float:
    """The loop's time, also in a callback of asyncio's, where anyio does not know its loop."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return anyio.current_time()


def _first(heap: _Heap, until: float) -> _Call | None:
    """Take the first call that is due `until` then; those that were called before go, too."""
    while heap and (heap[0][2].called or heap[0][0] <= until):
        call = heapq.heappop(heap)[2]
        if not call.called:
            return call
    return None
