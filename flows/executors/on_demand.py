"""An executor that is made and started when the first attempt comes.

What nobody uses costs nothing: no import, no process, no connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import anyio
from anyio.abc import TaskStatus

from triphammer.config.errors import TriphammerError
from triphammer.flows.executors.contract import (
    Attempt,
    AttemptId,
    AttemptResult,
    Executor,
    Released,
    Report,
)
from triphammer.flows.executors.keeping import Keeps
from triphammer.flows.executors.outcome import cancellation, refusal
from triphammer.flows.graph import FlowDef


class OnDemand:
    """Stands for the executor that `make` makes. Where that raises `TriphammerError`, every
    attempt fails with it, without retry."""

    def __init__(self, make: Callable[[], Executor], now: Callable[[], int]) -> None:
        self._make = make
        self._now = now
        self._report: Report | None = None
        self._early: list[Attempt] = []
        self._cancelled: set[AttemptId] = set()
        self._real: Executor | None = None
        self._asked = anyio.Event()
        self._flows: Sequence[FlowDef] | None = None

    @property
    def running(self) -> int:
        """How many attempts are there."""
        return len(self._early) + (0 if self._real is None else self._real.running)

    def bind(self, report: Report) -> None:
        """Say where results go."""
        self._report = report

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Run attempts, once the executor has started."""
        if self._real is not None:
            self._real.submit(attempts)
            return
        self._early.extend(attempts)
        self._asked.set()

    def cancel(self, attempt: AttemptId) -> None:
        """End an attempt."""
        if self._real is not None:
            self._real.cancel(attempt)
        elif any(one.id == attempt for one in self._early):
            self._cancelled.add(attempt)

    def keep(self, flows: Iterable[FlowDef]) -> None:
        """Say which flows are in service, now or once there is an executor; see `Keeps`."""
        kept = self._flows = list(flows)
        real: object = self._real
        if isinstance(real, Keeps):
            real.keep(kept)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Make and run the executor once an attempt has come."""
        task_status.started()
        await self._asked.wait()
        try:
            made = self._make()
        except TriphammerError as error:
            await self._refuse_all(error)
            return
        made.bind(self._tell)
        async with anyio.create_task_group() as group:
            await group.start(made.run)
            self._real = made
            if self._flows is not None:
                self.keep(self._flows)
            early, self._early = self._early, []
            made.submit([one for one in early if one.id not in self._cancelled])
            now = self._now()
            self._tell([cancellation(a, now, now) for a in early if a.id in self._cancelled])

    async def _refuse_all(self, error: TriphammerError) -> None:
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            early, self._early = self._early, []
            now = self._now()
            self._tell(
                [
                    cancellation(one, now, now)
                    if one.id in self._cancelled
                    else refusal(one, now, error)
                    for one in early
                ]
            )

    def _tell(self, results: Sequence[AttemptResult | Released]) -> None:
        if results and self._report is not None:
            self._report(results)
