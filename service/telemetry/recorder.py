"""Counts what has happened, for `/metrics`. It outlives the store: a counter that begins anew
each time the store is opened again tells of less than has happened."""

from __future__ import annotations

from collections.abc import Sequence

from triphammer.flows.journal import RunChange
from triphammer.sensors.contract import Accepted
from triphammer.service.dispatcher.finished import RunAbout
from triphammer.service.metrics import Counters, Figures, Histograms
from triphammer.service.store.contract import ENDED, Decided, OutboxRow
from triphammer.service.store.deliveries import OutboxResult
from triphammer.service.telemetry import families
from triphammer.service.telemetry.names import Names

TOLD = frozenset({"succeeded", "failed", "skipped", "cancelled", "retrying"})
"""States of a task that somebody counts."""
SECOND = 1e6


class Recorder:
    """An `Observer` that counts. Flows beyond the first hundred are told as `other`."""

    def __init__(self) -> None:
        self.flows = Names()
        self._kinds = Names()
        self._events = Counters(families.EVENT_OUTCOMES)
        self._dispositions = Counters(families.DISPOSITIONS)
        self._started = Counters(families.RUNS_STARTED)
        self._ended = Counters(families.RUNS_ENDED)
        self._run_seconds = Histograms(families.RUN_SECONDS)
        self._run_wait = Histograms(families.RUN_WAIT)
        self._tasks = Counters(families.TASKS)
        self._task_seconds = Histograms(families.TASK_SECONDS)
        self._deliveries = Counters(families.DELIVERIES)
        self._delivery_seconds = Histograms(families.DELIVERY_SECONDS)
        self._delivery_latency = Histograms(families.DELIVERY_LATENCY)
        self._commit_seconds = Histograms(families.COMMIT_SECONDS)
        self._commit_units = Histograms(families.COMMIT_UNITS)

    def taken(
        self, kind: str, decided: Sequence[Decided], accepted: Sequence[Accepted], began: int
    ) -> None:
        """See `Observer`."""
        kind, duplicates = self._kinds.of(kind), 0
        for item, one in zip(decided, accepted, strict=True):
            if one.duplicate:
                duplicates += 1
                continue
            for disposition in item.dispositions:
                flow = self.flows.of(disposition.flow)
                self._dispositions.add((flow, disposition.outcome))
        if duplicates:
            self._events.add((kind, "duplicate"), duplicates)
        if len(accepted) > duplicates:
            self._events.add((kind, "accepted"), len(accepted) - duplicates)

    def turned_away(self, kind: str, outcome: str, count: int = 1) -> None:
        """See `Observer`."""
        self._events.add((self._kinds.of(kind), outcome), count)

    def changed(self, change: RunChange, about: RunAbout | None, started_at: int | None) -> None:
        """See `Observer`."""
        flow = (self.flows.of(change.flow),)
        if change.started_at is not None:
            self._started.add(flow)
            if about is not None and about.created_at and not about.retried:
                self._run_wait.observe((), (change.started_at - about.created_at) / SECOND)
        if change.state in ENDED:
            self._ended.add((*flow, change.state))
            if started_at is not None and change.finished_at is not None:
                self._run_seconds.observe(flow, (change.finished_at - started_at) / SECOND)
        for row in change.tasks:
            if row.state not in TOLD or row.items is not None:
                continue  # a map tells of itself when its items have told
            self._tasks.add((*flow, row.state))
            ran = row.state == "succeeded" and row.cached_from is None
            if ran and row.started_at is not None and row.finished_at is not None:
                self._task_seconds.observe(flow, (row.finished_at - row.started_at) / SECOND)
        for _, _, began, ended, _ in change.failed_attempts:
            self._task_seconds.observe(flow, (ended - began) / SECOND)

    def attempted(self, row: OutboxRow, result: OutboxResult, began: int) -> None:
        """See `Observer`."""
        kind = (row.message.kind,)
        outcome = "retry" if result.state == "pending" else result.state
        self._deliveries.add((*kind, outcome))
        if began:
            self._delivery_seconds.observe(kind, (result.at - began) / SECOND)
        if result.state == "delivered":
            self._delivery_latency.observe(kind, (result.at - row.created_at) / SECOND)

    def committed(self, seconds: float, units: int) -> None:
        """The store has committed a group."""
        self._commit_seconds.observe((), seconds)
        self._commit_units.observe((), units)

    def read(self) -> Sequence[Figures]:
        """The figures as they stand."""
        return (
            self._events.read(),
            self._dispositions.read(),
            self._started.read(),
            self._ended.read(),
            self._run_seconds.read(),
            self._run_wait.read(),
            self._tasks.read(),
            self._task_seconds.read(),
            self._deliveries.read(),
            self._delivery_seconds.read(),
            self._delivery_latency.read(),
            self._commit_seconds.read(),
            self._commit_units.read(),
        )
