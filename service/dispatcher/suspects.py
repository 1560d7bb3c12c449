"""Runs that were under way each time the daemon crashed: begun few at a time, then given up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio

from triphammer.service.dispatcher.underway import Underway
from triphammer.service.store.contract import RunRow

SUSPECT = 3
"""Crashes after which a run is begun only when its turn comes. After one more it meets its
next crash alone."""
QUARANTINE = 5
"""Crashes after which a run is not begun any more: it met the last one alone."""
TRIAL_SECONDS = 10.0
"""Suspects that the daemon has survived for so long make way for the next."""
TOGETHER = 32
"""As many suspects of `SUSPECT` crashes are tried together at most; one first, then twice as
many each time."""

Begin = Callable[[Sequence[RunRow]], Awaitable[None]]


class Suspects:
    """Tries suspects, so that the guilty one is found without keeping the others for long.

    Whoever was under way at a crash is blamed for it. Of the suspects only those on trial are,
    so that from then on only their count goes up, and those of the others do not.
    """

    def __init__(self, begin: Begin, underway: Underway) -> None:
        self._begin = begin
        self._underway = underway
        self._waiting: list[RunRow] = []
        self._came = anyio.Event()
        self._on_trial: set[str] = set()
        self._ended = anyio.Event()

    def add(self, row: RunRow) -> None:
        """Begin `row` when its turn comes."""
        self._waiting.append(row)
        self._came.set()

    def end(self, run: str) -> None:
        """`run` has ended, or will not begin."""
        self._waiting = [row for row in self._waiting if row.id != run]
        self._on_trial.discard(run)
        if not self._on_trial:
            self._ended.set()

    async def run(self) -> None:
        """Begin what is added, until cancelled."""
        together = 1
        while True:
            while not self._waiting:
                self._came = anyio.Event()
                await self._came.wait()
            await self._try(self._next(together))
            together = min(2 * together, TOGETHER)

    def _next(self, together: int) -> Sequence[RunRow]:
        """Those with the fewest crashes first: of them the most are innocent."""
        fewest = min(row.crashes for row in self._waiting)
        alike = [row for row in self._waiting if row.crashes == fewest]
        rows = alike[: together if fewest <= SUSPECT else 1]
        for row in rows:
            self._waiting.remove(row)
        return rows

    async def _try(self, rows: Sequence[RunRow]) -> None:
        self._on_trial, self._ended = {row.id for row in rows}, anyio.Event()
        for row in rows:
            self._underway.on_trial(row.id)
        await self._begin(rows)
        with anyio.move_on_after(TRIAL_SECONDS):
            await self._ended.wait()
        for run in self._on_trial:
            self._underway.survived(run)
        self._on_trial = set()
