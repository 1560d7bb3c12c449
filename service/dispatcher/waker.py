"""Wakes runs that wait: when their time is over, or what they wait for is there.

Of a run of which only waits are left nothing is in memory. One task sleeps until the earliest
due time of all; another looks at events that came before a wait for them. What answers a wait is
stored before the run hears of it, so that a crash in between loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import anyio
from anyio.abc import TaskStatus

from triphammer.config.clock import Clock
from triphammer.flows.engine.engine import Engine
from triphammer.flows.journal import Wait, WaitAnswer
from triphammer.service.dispatcher.starter import Starter
from triphammer.service.store.awaited import event_answer, matches, only_type
from triphammer.service.store.contract import Store, Unit
from triphammer.service.store.waits import LookedBack, ToLook, WakeDue, Woken

TOGETHER = 500
"""So many waits are answered in one unit, or look back, at a time."""
WINDOW = 200
"""So many earlier events are looked at between two looks at the loop."""


class Waker:
    """`begun` is called after the commit in which waits begin, `woken` after that in which some
    were answered."""

    def __init__(self, *, store: Store, starter: Starter, clock: Clock) -> None:
        self._store = store
        self._starter = starter
        self._clock = clock
        self._engine: Engine | None = None
        self._due: int | None = None
        self._asleep: anyio.CancelScope | None = None
        self._missed = False
        self._to_look = anyio.Event()
        store.listen(self.woken)

    def bind(self, engine: Engine) -> None:
        """Hand over the engine, whose runs need not be woken."""
        self._engine = engine

    def begun(self, waits: Iterable[Wait]) -> None:
        """These waits are stored."""
        for wait in waits:
            if wait.kind == "wait_for":
                self._to_look.set()
            if wait.due_at is not None:
                self._expect(wait.due_at)

    def _expect(self, due: int) -> None:
        if self._asleep is None:
            self._missed = True
        elif self._due is None or due < self._due:
            self._asleep.cancel()

    def woken(self, woken: Sequence[Woken]) -> None:
        """These waits were answered, and that is stored."""
        assert self._engine is not None
        by_run: dict[tuple[str, str], dict[str, WaitAnswer]] = {}
        for one in woken:
            by_run.setdefault((one.run, one.flow), {})[one.task] = one.answer
        for (run, flow), answers in by_run.items():
            if not self._engine.answered(run, answers):
                # A wait without a task is for the time of the run as a whole.
                self._starter.wake(run, flow, overdue="" in answers)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Wake who is due until cancelled; first those whose answers, or ends, came before a
        restart."""
        for run, flow in await self._store.woken():
            self._starter.wake(run, flow)
        for run, flow, by in await self._store.cancelled_waiting():
            self._starter.wake(run, flow, cancel=f"cancelled by {by}")
        async with anyio.create_task_group() as group:
            group.start_soon(self._look_back, name="looking back")
            task_status.started()
            await self._keep_time()

    async def _keep_time(self) -> None:
        while True:
            self._missed = False
            due = await self._store.next_wait_due()
            if self._missed:
                continue
            self._due = due
            # A wait that is due earlier ends this one; see `_expect`.
            with anyio.CancelScope() as self._asleep:
                await self._until(due)
            self._asleep = None
            await self._answer_due()

    async def _until(self, due: int | None) -> None:
        if due is None:
            await anyio.sleep_forever()
        else:
            await self._clock.wait_until(due)

    async def _answer_due(self) -> None:
        while True:
            unit = WakeDue(at=self._clock.now(), limit=TOGETHER)
            (answered,) = await self._store.commit([unit])
            if isinstance(answered, Exception):
                raise answered
            if answered != TOGETHER:
                return

    # --- events that came before ------------------------------------------------------------

    async def _look_back(self) -> None:
        while True:
            self._to_look = anyio.Event()
            while waits := await self._store.waits_to_look(TOGETHER):
                units: list[Unit] = [await self._looked(one) for one in waits]
                for outcome in await self._store.commit(units):
                    if isinstance(outcome, Exception):
                        raise outcome
                self._expect(0)  # while it looked, its time did not count
            await self._to_look.wait()

    async def _looked(self, asked: ToLook) -> LookedBack:
        first, type = asked.first, only_type(asked.wait)
        while True:
            rows = await self._store.events_between(first, asked.upto, type, WINDOW)
            for row in rows:
                if row.event.key != asked.own and matches(asked.wait, row.event):
                    return LookedBack(wait=asked.number, answer=event_answer(row.event))
            if len(rows) < WINDOW:
                return LookedBack(wait=asked.number)
            first = rows[-1].seq + 1
