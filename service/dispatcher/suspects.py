"""Runs that were under way each time the daemon crashed: begun one at a time, then given up."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import anyio

from triphammer.service.store.contract import RunRow

SUSPECT = 3
"""Crashes after which a run is begun only while no other such run is."""
QUARANTINE = 5
"""Crashes after which a run is not begun any more: the last ones met it alone."""
PROBATION_SECONDS = 10.0
"""A suspect that the daemon has survived for so long makes way for the next."""

Begin = Callable[[RunRow], Awaitable[None]]


class Suspects:
    """Begins suspects one after the other, so that the guilty one is found.

    Whoever was under way at a crash is blamed for it. Of the suspects only one is, so that
    from then on only its count goes up, and those of the innocent do not.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._waiting: deque[RunRow] = deque()
        self._came = anyio.Event()
        self._current = ""
        self._ended = anyio.Event()

    def add(self, row: RunRow) -> None:
        """Begin `row` when its turn comes."""
        self._waiting.append(row)
        self._came.set()

    def end(self, run: str) -> None:
        """`run` has ended."""
        if run == self._current:
            self._ended.set()

    async def run(self) -> None:
        """Begin what is added, until cancelled."""
        while True:
            while not self._waiting:
                self._came = anyio.Event()
                await self._came.wait()
            row = self._waiting.popleft()
            self._current, self._ended = row.id, anyio.Event()
            await self._begin(row)
            with anyio.move_on_after(PROBATION_SECONDS):
                await self._ended.wait()
