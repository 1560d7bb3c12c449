"""Callbacks at points of the wall clock, kept by one task."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import anyio
from anyio.abc import TaskStatus

from triphammer.config.clock import Clock


class Timers:
    """`at` may be called before and while `run` runs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._waiting: anyio.CancelScope | None = None

    def at(self, due: int, action: Callable[[], None]) -> None:
        """Call `action` on the loop once the clock says `due` (microseconds UTC)."""
        self._order += 1
        heapq.heappush(self._due, (due, self._order, action))
        if self._due[0][1] == self._order and self._waiting is not None:
            self._waiting.cancel()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Call what is due until cancelled."""
        task_status.started()
        while True:
            # An earlier due time that is added meanwhile ends the wait; see `at`.
            with anyio.CancelScope() as self._waiting:
                if self._due:
                    await self._clock.wait_until(self._due[0][0])
                else:
                    await anyio.sleep_forever()
            self._waiting = None
            now = self._clock.now()
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()
