"""What a test looks at: runs, tasks and messages as they stand."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from triphammer.flows.journal import ErrorInfo, TaskRow
from triphammer.service.store.backfills import Tick
from triphammer.service.store.contract import FailedAttempt, OutboxRow, RunRow
from triphammer.service.store.logs import StoredLine
from triphammer.testing.clock import moment
from triphammer.testing.world import World

MANY = 1_000_000
"""Rows: all there are."""


class SimulatedTask:
    """One task or map item of a simulated run, as it stood when it was asked for.

    `attempt` is the number of its last attempt, `failures` are those that have failed.
    """

    def __init__(self, row: TaskRow, result: Any, failures: Sequence[FailedAttempt]) -> None:
        self.name = row.name
        self.state = row.state
        self.attempt = row.attempt
        self.error: ErrorInfo | None = row.error
        self.result = result
        self.failures = failures
        self.started_at: datetime | None = _moment(row.started_at)
        self.finished_at: datetime | None = _moment(row.finished_at)


class SimulatedMessage:
    """An outgoing message, committed with the task that asked for it.

    `state` is pending, delivered or dead; `attempts` and `error` tell of its deliveries.
    """

    def __init__(self, row: OutboxRow) -> None:
        message = row.message
        self.id = message.id
        self.target = message.target
        self.key = message.key
        self.headers = message.headers
        self.body = message.body
        self.state = row.state
        self.attempts = row.attempts
        self.error = row.error

    @property
    def value(self) -> Any:
        """The body as JSON."""
        return None if self.body is None else msgspec.json.decode(self.body)


class SimulatedRun:
    """One run; every attribute is read as it stands now."""

    def __init__(self, sim: World, id: str) -> None:
        self._sim = sim
        self.id = id

    def __repr__(self) -> str:
        row = self.row
        return f"<run of {row.flow}: {row.state}>"

    @property
    def row(self) -> RunRow:
        """The stored row."""
        row = self._sim.call(self._sim.local.store.run(self.id))
        assert row is not None
        return row

    @property
    def flow(self) -> str:
        """The flow's name."""
        return self.row.flow

    @property
    def state(self) -> str:
        """The run's state: queued, running, waiting, succeeded, ..."""
        return self.row.state

    @property
    def error(self) -> ErrorInfo | None:
        """Why it failed."""
        return self.row.error

    @property
    def result(self) -> Any:
        """What the flow's body returned."""
        return self._sim.decoded(self.row.result)

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters."""
        values: Mapping[str, Any] = msgspec.json.decode(self.row.params)
        return values

    @property
    def started_at(self) -> datetime | None:
        """The virtual time of its beginning."""
        return _moment(self.row.started_at)

    @property
    def finished_at(self) -> datetime | None:
        """The virtual time of its end."""
        return _moment(self.row.finished_at)

    @property
    def order(self) -> Sequence[str]:
        """Its tasks and map items in the order in which they first began; waits are none."""
        return list(dict.fromkeys(self._sim.begun(self.id)))

    def tasks(self) -> Mapping[str, SimulatedTask]:
        """All tasks and map items by name."""
        store = self._sim.local.store
        failed: dict[str, list[FailedAttempt]] = {}
        for one in self._sim.call(store.failed_attempts(self.id)):
            failed.setdefault(one.task, []).append(one)
        return {
            row.name: SimulatedTask(row, self._sim.decoded(row.result), failed.get(row.name, []))
            for row in self._sim.call(store.tasks(self.id))
        }

    def task(self, name: str) -> SimulatedTask:
        """One task or map item (`enrich[3]`). Raises KeyError naming those there are."""
        tasks = self.tasks()
        if name not in tasks:
            raise KeyError(f"no task {name!r} has been journaled; there are {sorted(tasks)}")
        return tasks[name]

    def logs(self, task: str | None = None) -> Sequence[StoredLine]:
        """What it has printed and logged, or one of its tasks has: lines with level and text."""
        return self._sim.call(self._sim.local.opened.logs.lines(self.id, task, limit=MANY))


class SimulatedBackfill:
    """One backfill; every attribute is read as it stands now."""

    def __init__(self, sim: World, id: str) -> None:
        self._sim = sim
        self.id = id

    @property
    def state(self) -> str:
        """running, succeeded, failed or cancelled."""
        return self._sim.call(self._sim.local.core.backfills.row(self.id)).state

    @property
    def ticks(self) -> Sequence[Tick]:
        """Its ticks in order."""
        return self._sim.call(self._sim.local.store.ticks(self.id, limit=MANY))


def runs_of(sim: World, taking: Coroutine[Any, Any, Sequence[str]]) -> Sequence[SimulatedRun]:
    """The runs that something begins, after all that needs no time has happened."""
    ids = sim.call(taking)
    sim.settle()
    return [SimulatedRun(sim, id) for id in ids]


def messages_to(sim: World, kind: str, target: str) -> Sequence[SimulatedMessage]:
    """The outgoing messages to a target, in order."""
    rows = sim.call(sim.local.store.outbox(limit=MANY))
    found = sorted((r for r in rows if r.message.kind == kind), key=lambda row: row.seq)
    return [SimulatedMessage(r) for r in found if r.message.target == target]


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else moment(micros)
