"""Delivers what the outbox holds: looks, starts, judges, commits."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from random import Random

import anyio
from anyio.abc import TaskGroup, TaskStatus

from triphammer.config.clock import Clock
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.config.trace_context import TRACEPARENT, trace_context
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.observer import Observer
from triphammer.service.outbox.breaker import Rule
from triphammer.service.outbox.courier import Deliverer, lane_name, open_courier
from triphammer.service.outbox.gate import Gate
from triphammer.service.outbox.lanes import Lanes
from triphammer.service.outbox.outcome import Dead
from triphammer.service.outbox.schedule import Schedule, judge
from triphammer.service.outbox.troubles import Trouble, Troubles, why_disabled
from triphammer.service.store.contract import (
    BringForward,
    DisableEndpoint,
    OutboxResult,
    OutboxRow,
    Store,
    Unit,
)
from triphammer.service.tracing.carrying import Carrier, Forwarding

Settled = Callable[[str, str, str, str | None], None]

WINDOW = 1000
"""How many due rows are looked at together."""
LARGEST_WINDOW = 16_000
BREATH_SECONDS = 0.01
"""Between two looks: deliveries that end together are followed up by one query."""
STORE_RETRY_SECONDS = 1.0
REFUSED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Looked:
    """What one look at the outbox has led to."""

    started: int
    refused: Sequence[OutboxRow]
    hold: Sequence[tuple[OutboxRow, int]]
    give_up: Sequence[tuple[OutboxRow, str]]

    @property
    def moved(self) -> bool:
        """Whether rows have left the window, so that others are seen in it."""
        return bool(self.refused or self.hold or self.give_up)


class OutboxWorker:
    """Delivers due messages, concurrently between targets and keys, in order within a key.

    The store hands out only the first pending message of each (target, key), so order needs
    no care here. `counts` counts attempts by their end: delivered, failed, dead. `settled` is
    told of each message that is delivered or dead, once that is stored: run, task, id, error.
    `trouble` is told of a target whose last attempt failed, with the reason, and with None when
    that is over or nothing waits any more. `courier` delivers, once and not again; `breath` is
    how long is waited between two looks. `observers` are told of each attempt that is stored,
    `carrier` says which trace a message belongs to.
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
        courier: AbstractAsyncContextManager[Deliverer] | None = None,
        breath: float = BREATH_SECONDS,
        observers: Sequence[Observer] = (),
        carrier: Carrier | None = None,
    ) -> None:
        self._courier = courier or open_courier(
            settings=settings, secrets=secrets, clock=clock, log=log
        )
        self._breath = breath
        self._observers = observers
        self._carrier = carrier or Forwarding()
        self._troubles = Troubles(trouble)
        self._settled = settled
        self._store = store
        self._clock = clock
        self._random = random
        self._log = log
        self._schedule = Schedule.of(settings.outbox)
        self._lanes = Lanes(settings.outbox.concurrency)
        self._gate = Gate(Rule.of(settings.outbox), random, self._schedule.give_up)
        self._endpoints_read = False
        self._looked_at = 0
        self._wake = anyio.Event()
        self._landed = anyio.Event()
        self._closing = False
        self.counts: Counter[str] = Counter()

    def notify(self) -> None:
        """Messages were committed: look for them now."""
        self._wake.set()

    def notify_acted(self) -> None:
        """An operator has redriven or skipped messages, or enabled a target: look anew."""
        self._endpoints_read = False
        self._gate.hurry()
        self._wake.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Deliver until cancelled; what is cut off is delivered again after the next start."""
        async with self._courier as courier, anyio.create_task_group() as group:
            task_status.started()
            while True:
                self._wake = anyio.Event()
                await self._look(courier, group)
                await anyio.sleep(self._breath)
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

    async def _look(self, courier: Deliverer, group: TaskGroup) -> None:
        """Start everything that is due and has a place; never leave a full window behind
        that hides the rows of free targets."""
        window = WINDOW
        while not self._closing:
            try:
                await self._read_endpoints()
                self._looked_at = self._clock.now()
                self._lanes.begin_look()
                rows = await self._store.outbox_due(self._looked_at, window)
                looked = self._start(courier, group, rows)
                full = len(rows) == window and window < LARGEST_WINDOW
                await self._hold_back(looked, put_off=full)
                if not full or (looked.started and not looked.moved):
                    return
                if not looked.moved:
                    window *= 2
            except StoreUnavailable as error:
                self._log.warning("outbox: %s", error)
                return

    def _start(self, courier: Deliverer, group: TaskGroup, rows: Sequence[OutboxRow]) -> _Looked:
        now = self._clock.now()
        sorted_ = self._gate.sort((row for row in rows if not self._lanes.knows(row)), now)
        start, refused = self._lanes.offer(sorted_.go)
        for row in refused:
            self._gate.drop(row)
        for row in start:
            group.start_soon(self._fly, courier, row, name=f"outbox {row.message.id}")
        return _Looked(len(start), refused, sorted_.hold, sorted_.give_up)

    async def _hold_back(self, looked: _Looked, *, put_off: bool) -> None:
        """Store what was decided without an attempt; what found no place is put off only where
        it hides others."""
        now = self._clock.now()
        units = [_put_off(row, until, now) for row, until in looked.hold]
        if put_off:
            units += [
                _put_off(row, now + round(self._lanes.wait(row) * 1e6), now)
                for row in looked.refused
            ]
        if units:
            await self._store.commit(units)
        if looked.give_up:
            await self._give_up(looked.give_up, now)

    async def _give_up(self, rows: Sequence[tuple[OutboxRow, str]], now: int) -> None:
        """Make dead letters of messages whose target takes none, and say so once a target."""
        units = [
            OutboxResult(
                id=row.message.id, state="dead", attempts=row.attempts, error=reason, at=now
            )
            for row, reason in rows
        ]
        outcomes = await self._store.commit(units)
        for target, count in Counter(lane_name(row.message) for row, _ in rows).items():
            self._log.error(
                "%d messages to %s are dead letters without a further attempt: "
                "`triphammer deadletters` says why",
                count,
                target,
            )
        for (row, reason), unit, outcome in zip(rows, units, outcomes, strict=True):
            if outcome is True:
                self._tell_attempted(row, unit, 0)
                self.counts["dead"] += 1
                self._tell_settled(row, reason)

    # --- disabled endpoints -------------------------------------------------------------

    async def _read_endpoints(self) -> None:
        if self._endpoints_read:
            return
        self._endpoints_read = True
        try:
            endpoints = await self._store.endpoints()
        except StoreUnavailable:
            self._endpoints_read = False
            raise
        self._gate.disable({e.target: why_disabled(e) for e in endpoints})
        self._troubles.disabled(endpoints)

    async def _wait(self) -> None:
        try:
            due = await self._store.outbox_next_due()
        except StoreUnavailable:
            due = self._clock.now() + round(STORE_RETRY_SECONDS * 1e6)
        if due is None:
            self._troubles.nothing_waits()
            await self._wake.wait()
            return
        timeout = self._clock.reread
        # Was it due at the look? Then it is under way, or behind one that is, whose end wakes us.
        if due > self._looked_at:
            timeout = min(max(0.0, (due - self._clock.now()) / 1e6), timeout)
        with anyio.move_on_after(timeout):
            await self._wake.wait()

    # --- delivering ---------------------------------------------------------------------

    async def _fly(self, courier: Deliverer, row: OutboxRow) -> None:
        """Deliver `row`, then whatever waits for its place."""
        following: OutboxRow | None = row
        while following is not None:
            row = following
            began, sent = anyio.current_time(), False
            try:
                sent = self._gate.admits(row, self._clock.now())
                if sent:
                    await self._deliver(courier, row)
            finally:
                took = anyio.current_time() - began if sent else None
                following = self._lanes.landed(row, took)
                self._landed.set()
                self._landed = anyio.Event()
            if row.message.key is not None or following is None or not sent:
                self._wake.set()

    async def _deliver(self, courier: Deliverer, row: OutboxRow) -> None:
        began = self._clock.now()
        outcome = await courier.deliver(self._carrier.outgoing(row.message, began))
        now = self._clock.now()
        result = judge(row, outcome, self._schedule, self._random, now)
        self._note(row, result)
        again = self._gate.learn(row, outcome, now)
        # Before the result: a message that is refused waits all the same.
        units: list[Unit] = [*(BringForward(target=t, at=now) for t in again), result]
        if isinstance(outcome, Dead) and outcome.gone:
            units.append(DisableEndpoint(target=row.message.target, reason=outcome.reason, at=now))
        stored = await self._commit(units)
        if len(units) > 1:
            self._endpoints_read = False
            self._wake.set()
        if stored:
            self._tell_attempted(row, result, began)
        if stored and result.state != "pending":
            self._tell_settled(row, (result.error or "") if result.state == "dead" else None)

    def _tell_attempted(self, row: OutboxRow, result: OutboxResult, began: int) -> None:
        for observer in self._observers:
            observer.attempted(row, result, began)

    def _tell_settled(self, row: OutboxRow, error: str | None) -> None:
        if self._settled is not None:
            self._settled(row.run, row.message.task, row.message.id, error)

    def _note(self, row: OutboxRow, result: OutboxResult) -> None:
        self._troubles.attempted(lane_name(row.message), result.error)
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
            extra=_trace_of(row),
        )

    async def _commit(self, units: Sequence[Unit]) -> bool:
        """Store the result and what goes with it; wait for the store rather than deliver once
        more. False when the store has refused it."""
        while True:
            try:
                outcomes = await self._store.commit(units)
            except StoreUnavailable as error:
                self._log.warning("outbox: %s", error)
                await anyio.sleep(STORE_RETRY_SECONDS)
                continue
            refused = [o for o in outcomes if isinstance(o, Exception)]
            if refused:
                self._log.error("outbox: a result was not stored: %s", refused[0])
                # It is due still, and would be sent again at once.
                await anyio.sleep(REFUSED_SECONDS)
                return False
            return True


def _trace_of(row: OutboxRow) -> Mapping[str, str]:
    """What a log line says of the trace of a message."""
    context = trace_context(row.message.headers.get(TRACEPARENT))
    return {} if context is None else {"trace_id": context.trace}


def _put_off(row: OutboxRow, until: int, now: int) -> Unit:
    return OutboxResult(
        id=row.message.id,
        state="pending",
        attempts=row.attempts,
        due_at=until,
        error=row.error,
        at=now,
    )
