"""What the outbox worker is tested with: the store's outbox as a list, and a clock to set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from random import Random
from typing import Any, cast

import anyio
import msgspec

from triphammer.config.secrets import Secrets
from triphammer.config.settings import OutboxSettings, Settings
from triphammer.flows.journal import OutMessage
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.outbox.courier import Deliverer
from triphammer.service.outbox.worker import OutboxWorker
from triphammer.service.store.contract import (
    BringForward,
    DisableEndpoint,
    Endpoint,
    OutboxResult,
    OutboxRow,
    Outcome,
    Store,
    Unit,
)

START = 1_767_225_600_000_000


class ManualClock:
    """A wall clock that stands still until it is moved."""

    reread = 5.0

    def __init__(self) -> None:
        self._now = START

    def now(self) -> int:
        return self._now

    def step(self, seconds: float) -> None:
        self._now += round(seconds * 1e6)

    async def wait_until(self, due: int) -> None:
        raise AssertionError("the worker waits by itself")


class Ledger:
    """An outbox that keeps every result; head of line a (target, key), as the store's."""

    def __init__(self) -> None:
        self.rows: dict[str, OutboxRow] = {}
        self.results: list[OutboxResult] = []
        self.disabled: dict[str, str] = {}
        self.failures: list[Exception] = []
        self.read_failures: list[Exception] = []
        self.unit_failures: list[Exception] = []
        self._news = anyio.Event()

    def add(self, *messages: OutMessage, at: int = START) -> None:
        for message in messages:
            self.rows[message.id] = OutboxRow(
                seq=len(self.rows) + 1,
                message=message,
                run="run_1",
                flow="orders",
                state="pending",
                attempts=0,
                created_at=at,
                due_at=at,
            )

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._news.wait()

    async def wait_results(self, count: int) -> None:
        await self.wait_until(lambda: len(self.results) >= count)

    async def settled(self, id: str) -> OutboxRow:
        """The row once it is no longer pending."""
        await self.wait_until(lambda: self.rows[id].state != "pending")
        return self.rows[id]

    async def attempted(self, id: str, times: int = 1) -> OutboxRow:
        await self.wait_until(lambda: self.rows[id].attempts >= times)
        return self.rows[id]

    # --- the store ---

    async def outbox_due(self, now: int, limit: int) -> Sequence[OutboxRow]:
        await anyio.lowlevel.checkpoint()
        if self.read_failures:
            raise self.read_failures.pop(0)
        blocked: set[tuple[str, str]] = set()
        due: list[OutboxRow] = []
        for row in self.rows.values():
            if row.state == "delivered" or len(due) == limit:
                continue
            if row.message.key is not None:
                lane = (row.message.target, row.message.key)
                if lane in blocked:
                    continue
                blocked.add(lane)
            if row.state == "pending" and row.due_at <= now:
                due.append(row)
        return due

    async def endpoints(self) -> Sequence[Endpoint]:
        await anyio.lowlevel.checkpoint()
        return [
            Endpoint(target=target, disabled_at=START, reason=reason)
            for target, reason in self.disabled.items()
        ]

    async def outbox_next_due(self) -> int | None:
        await anyio.lowlevel.checkpoint()
        if self.read_failures:
            raise self.read_failures.pop(0)
        return min((r.due_at for r in self.rows.values() if r.state == "pending"), default=None)

    async def commit(self, units: Sequence[Unit]) -> Sequence[Outcome]:
        await anyio.lowlevel.checkpoint()
        if self.failures:
            raise self.failures.pop(0)
        outcomes = [self._apply(unit) for unit in units]
        self._news.set()
        self._news = anyio.Event()
        return outcomes

    def _apply(self, unit: Unit) -> Outcome:
        if isinstance(unit, DisableEndpoint):
            self.disabled[unit.target] = unit.reason
            return True
        if isinstance(unit, BringForward):
            return self._bring_forward(unit)
        assert isinstance(unit, OutboxResult)
        if self.unit_failures:
            return self.unit_failures.pop(0)
        row = self.rows[unit.id]
        self.results.append(unit)
        self.rows[unit.id] = OutboxRow(
            seq=row.seq,
            message=row.message,
            run=row.run,
            flow=row.flow,
            state=unit.state,
            attempts=unit.attempts,
            created_at=row.created_at,
            due_at=row.due_at if unit.due_at is None else unit.due_at,
            error=unit.error,
        )
        return True

    def _bring_forward(self, unit: BringForward) -> Outcome:
        waiting = [
            row
            for row in self.rows.values()
            if row.message.target == unit.target and row.state == "pending" and row.due_at > unit.at
        ]
        for row in waiting:
            self.rows[row.message.id] = msgspec.structs.replace(row, due_at=unit.at)
        return len(waiting)


def outbox_settings(timeout: float = 5.0, concurrency: int = 4) -> OutboxSettings:
    return OutboxSettings(
        timeout=timedelta(seconds=timeout),
        concurrency=concurrency,
        first_retry=timedelta(seconds=2),
        give_up_after=timedelta(days=3),
    )


def make_worker(
    ledger: Ledger,
    clock: ManualClock,
    *,
    settings: Settings | None = None,
    secrets: Mapping[str, str] | None = None,
    troubles: dict[str, str] | None = None,
    courier: AbstractAsyncContextManager[Deliverer] | None = None,
) -> OutboxWorker:
    """A worker over `ledger`; `troubles` is kept as it tells of them."""
    kept = {} if troubles is None else troubles

    def trouble(target: str, reason: str | None) -> None:
        if reason is None:
            del kept[target]
        else:
            kept[target] = reason

    return OutboxWorker(
        store=cast(Store, cast(Any, ledger)),
        settings=settings or Settings(outbox=outbox_settings()),
        secrets=Secrets(values=dict(secrets or {})),
        clock=clock,
        random=Random(1),
        log=logging.getLogger("test.outbox"),
        trouble=trouble,
        courier=courier,
    )


def webhook(id: str, target: str, body: bytes = b"{}", **more: Any) -> OutMessage:
    return OutMessage(id=id, kind="webhook", target=target, body=body, **more)


UNAVAILABLE = StoreUnavailable("the disk is full")
