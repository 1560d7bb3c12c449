"""Delivers what the outbox holds: looks, starts, judges, commits."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

import anyio
from anyio.abc import TaskGroup, TaskStatus

from triphammer.config.clock import Clock
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.outbox.courier import Courier, lane_name, open_courier
from triphammer.service.outbox.lanes import Lanes
from triphammer.service.outbox.schedule import Schedule, judge
from triphammer.service.store.contract import OutboxResult, OutboxRow, Store

Settled = Callable[[str, str, str, str | None], None]
Trouble = Callable[[str, str | None], None]

WINDOW = 1000
"""How many due rows are looked at together."""
LARGEST_WINDOW = 16_000
REREAD_SECONDS = 5.0
"""The outbox is looked at this often while anything is pending: wall clocks are stepped."""
BREATH_SECONDS = 0.01
"""Between two looks: deliveries that end together are followed up by one query."""
STORE_RETRY_SECONDS = 1.0
REFUSED_SECONDS = 30.0
TROUBLES = 100


class OutboxWorker:
    """Delivers due messages, concurrently between targets and keys, in order within a key.

    The store hands out only the first pending message of each (target, key), so order needs
    no care here. `counts` counts attempts by their end: delivered, failed, dead. `settled` is
    told of each message that is delivered or dead, once that is stored: run, task, id, error.
    `trouble` is told of a target whose last attempt failed, with the reason, and with None when
    that is over.
    """

    def __init__(
        self,
        *,
        store: Store,
        settings: Settings,
        secrets: Secrets,
        clock: Clock,
        random: Random,
        log: logging.Logger,
        trouble: Trouble,
        settled: Settled | None = None,
    ) -> None:
        self._trouble = trouble
        self._settled = settled
        self._store = store
        self._settings = settings
        self._secrets = secrets
        self._clock = clock
        self._random = random
        self._log = log
        self._schedule = Schedule.of(settings.outbox)
        self._lanes = Lanes(settings.outbox.concurrency)
        self._wake = anyio.Event()
        self._landed = anyio.Event()
        self._closing = False
        self._troubled: dict[str, None] = {}
        self.counts: Counter[str] = Counter()

    def notify(self) -> None:
        """Messages were committed: look for them now."""
        self._wake.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Deliver until cancelled; what is cut off is delivered again after the next start."""
        async with (
            open_courier(
                settings=self._settings,
                secrets=self._secrets,
                clock=self._clock,
                log=self._log,
            ) as courier,
            anyio.create_task_group() as group,
        ):
            task_status.started()
            while True:
                self._wake = anyio.Event()
                await self._look(courier, group)
                await anyio.sleep(BREATH_SECONDS)
                await self._wait()

    async def drain(self, grace: float) -> int:
        """Start no more deliveries and let those under way end, at most `grace` seconds.

        How many were still under way then: they stay pending. Cancel `run` afterwards.
        """
        self._closing = True
        self._lanes.clear_waiting()
        with anyio.move_on_after(grace):
            while self._lanes.flying:
                await self._landed.wait()
        return self._lanes.flying

    # --- looking ------------------------------------------------------------------------

    async def _look(self, courier: Courier, group: TaskGroup) -> None:
        """Start everything that is due and has a place; never leave a full window behind
        that hides the rows of free targets."""
        window = WINDOW
        while not self._closing:
            try:
                rows = await self._store.outbox_due(self._clock.now(), window)
                start, refused = self._lanes.offer(rows)
                for row in start:
                    group.start_soon(self._fly, courier, row, name=f"outbox {row.message.id}")
                if len(rows) < window or window >= LARGEST_WINDOW:
                    return
                if refused:
                    await self._put_off(refused)
                elif start:
                    return
                else:
                    window *= 2
            except StoreUnavailable as error:
                self._log.warning("outbox: %s", error)
                return

    async def _put_off(self, rows: Sequence[OutboxRow]) -> None:
        now = self._clock.now()
        units = [
            OutboxResult(
                id=row.message.id,
                state="pending",
                attempts=row.attempts,
                due_at=now + round(self._lanes.wait(row) * 1e6),
                error=row.error,
                at=now,
            )
            for row in rows
        ]
        await self._store.commit(units)

    async def _wait(self) -> None:
        try:
            due = await self._store.outbox_next_due()
        except StoreUnavailable:
            due = self._clock.now() + round(STORE_RETRY_SECONDS * 1e6)
        if due is None:
            await self._wake.wait()
            return
        left = (due - self._clock.now()) / 1e6
        # Due already: it is under way, or behind one that is. Its end wakes us.
        timeout = min(left, REREAD_SECONDS) if left > 0 else REREAD_SECONDS
        with anyio.move_on_after(timeout):
            await self._wake.wait()

    # --- delivering ---------------------------------------------------------------------

    async def _fly(self, courier: Courier, row: OutboxRow) -> None:
        """Deliver `row`, then whatever waits for its place."""
        following: OutboxRow | None = row
        while following is not None:
            row = following
            began = self._clock.now()
            try:
                await self._deliver(courier, row)
            finally:
                following = self._lanes.landed(row, (self._clock.now() - began) / 1e6)
                self._landed.set()
                self._landed = anyio.Event()
            if row.message.key is not None or following is None:
                self._wake.set()

    async def _deliver(self, courier: Courier, row: OutboxRow) -> None:
        outcome = await courier.deliver(row.message)
        result = judge(row, outcome, self._schedule, self._random, self._clock.now())
        self._note(row, result)
        stored = await self._commit(result)
        if stored and result.state != "pending" and self._settled is not None:
            error = (result.error or "") if result.state == "dead" else None
            self._settled(row.run, row.message.task, row.message.id, error)

    def _note(self, row: OutboxRow, result: OutboxResult) -> None:
        self._tell(lane_name(row.message), result.error)
        self.counts["failed" if result.state == "pending" else result.state] += 1
        if result.error is None:
            return
        level = logging.ERROR if result.state == "dead" else logging.WARNING
        what = "is a dead letter" if result.state == "dead" else "was not delivered"
        self._log.log(
            level,
            "message %s of run %s %s (attempt %d): %s",
            row.message.id,
            row.run,
            what,
            result.attempts,
            result.error,
        )

    def _tell(self, target: str, error: str | None) -> None:
        """Tell of a target in trouble, and when that is over; of so many at a time at most."""
        known = target in self._troubled
        self._troubled.pop(target, None)
        if error is not None:
            self._troubled[target] = None
        if known or error is not None:
            self._trouble(target, error)
        while len(self._troubled) > TROUBLES:
            oldest = next(iter(self._troubled))
            del self._troubled[oldest]
            self._trouble(oldest, None)

    async def _commit(self, result: OutboxResult) -> bool:
        """Store the result; wait for the store rather than deliver once more. False when the
        store has refused it."""
        while True:
            try:
                outcome = (await self._store.commit([result]))[0]
            except StoreUnavailable as error:
                self._log.warning("outbox: %s", error)
                await anyio.sleep(STORE_RETRY_SECONDS)
                continue
            if isinstance(outcome, Exception):
                self._log.error("outbox: result of %s not stored: %s", result.id, outcome)
                # It is due still, and would be sent again at once.
                await anyio.sleep(REFUSED_SECONDS)
                return False
            return True
