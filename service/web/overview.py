"""The daemon and its flows at a glance: what pages and API tell of many rows.

Reads what is kept for it (`service.store.looking`) and what is in memory; counts nothing.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anyio.to_thread

from triphammer.config.clock import Clock
from triphammer.config.effective import effective
from triphammer.config.loading import LoadedSettings
from triphammer.config.settings import Retention
from triphammer.sensors.contract import Lagging, Sensor
from triphammer.sensors.timers.sensor import TimerSensor
from triphammer.service.dispatcher.admission import Admission
from triphammer.service.dispatcher.intake import Intake
from triphammer.service.errors import UnknownMessage, UnknownRun, UnknownSensor
from triphammer.service.health import Health
from triphammer.service.library import Library
from triphammer.service.store.contract import Page, RunRow, Store
from triphammer.service.store.layout import DATABASE, LOGS
from triphammer.service.store.looking import OutboxPage
from triphammer.service.supervisor import Supervisor
from triphammer.service.web import looking_models as models
from triphammer.service.web import looking_views as shown
from triphammer.service.web import views
from triphammer.service.web.paging import MOST_BYTES, page_of
from triphammer.service.web.reading import Reading
from triphammer.service.web.shown import hidden
from triphammer.service.web.views import moment

SHOWN = 20
"""Runs under way, failures and next fires that are told."""
POSITIONS = 50
"""Of each sensor."""
DAYS = 53 * 7
COMPARED_TASKS = 500
DAY = 86_400_000_000
UNDER_WAY = ("running", "waiting")


class Overview:
    """Answers questions; changes nothing."""

    def __init__(
        self,
        *,
        reading: Reading,
        library: Library,
        admission: Admission,
        supervisor: Supervisor,
        intake: Intake,
        health: Health,
        clock: Clock,
        loaded: LoadedSettings,
        folder: Path,
        mask: Callable[[str], str],
    ) -> None:
        self._reading = reading
        self._library = library
        self._admission = admission
        self._supervisor = supervisor
        self._intake = intake
        self._health = health
        self._clock = clock
        self._loaded = loaded
        self._folder = folder
        self._mask = mask

    @property
    def _store(self) -> Store:
        return self._reading.store

    async def stats(self) -> models.Stats:
        """What happens now."""
        store, now = self._store, self._clock.now()
        runs: Counter[str] = Counter()
        for counts in (await store.run_counts()).values():
            runs.update(counts)
        return {
            "at": moment(now),
            "ready": self._health.ready,
            "runs": dict(runs),
            "messages": dict(await store.outbox_counts()),
            "events": shown.rates(self._intake.rates(now)),
            "under_way": [shown.in_short(row) for row in await self._under_way()],
            "failures": [shown.failure(row) for row in await store.last_failures(SHOWN)],
            "next_fires": self._next_fires(),
            "troubles": self._troubles(),
            "flows": {
                "live": len(self._library.live),
                "paused": sorted(self._admission.paused),
                "wrong": sorted(self._library.wrong),
            },
        }

    async def _under_way(self) -> Sequence[RunRow]:
        found: list[RunRow] = []
        for state in UNDER_WAY:
            page = Page(state=state, limit=SHOWN, bytes=MOST_BYTES)
            found += await self._store.runs(page)
        return heapq.nlargest(SHOWN, found, key=lambda row: row.seq)

    def _next_fires(self) -> list[models.NextFire]:
        fires = self._reading.next_fires()
        soonest = heapq.nsmallest(SHOWN, fires, key=lambda flow: (fires[flow], flow))
        return [{"flow": flow, "at": moment(fires[flow])} for flow in soonest]

    def _troubles(self) -> list[models.Trouble]:
        return [
            {"part": part.name, "reason": self._mask(part.reason), "since": moment(part.since)}
            for part in self._health.parts().values()
            if part.reason is not None
        ]

    async def _known(self, flow: str) -> None:
        """Raises `UnknownFlow` for one that neither serves nor has left anything behind."""
        if flow not in self._library.live:
            await self._library.removed(flow)

    async def flow_stats(self, flow: str, last: int) -> models.FlowStats:
        """How a flow has been doing. Raises `UnknownFlow`."""
        await self._known(flow)
        stats = await self._store.flow_stats([flow], last)
        days = await self._store.daily_counts(flow, self._clock.now() - DAYS * DAY)
        return shown.flow_stats(flow, stats[flow], days)

    async def grid(self, flow: str, *, runs: int, tasks: int, before: int | None) -> models.Grid:
        """The newest runs of a flow and their tasks. Raises `UnknownFlow`."""
        await self._known(flow)
        lines = await self._store.task_grid(flow, runs=runs + 1, tasks=tasks, before=before)
        kept = lines[:runs]
        following = f"c{kept[-1].number}" if len(lines) > runs else None
        return {"items": [shown.grid_line(line) for line in kept], "next": following}

    async def outbox(self, page: OutboxPage, limit: int) -> models.Outbox:
        """A page of messages, newest first; `page` may ask for one more than `limit`."""
        rows = await self._store.outbox_page(page)
        return page_of(rows, limit, views.message)

    async def message(self, id: str) -> models.MessageInFull:
        """One message with its content, secrets masked. Raises `UnknownMessage`."""
        row = await self._store.message(await self._reading.full_id(id, UnknownMessage))
        if row is None:
            raise UnknownMessage(id)
        refused = {e.target: e.reason for e in await self._store.endpoints()}
        found = shown.message_in_full(row, refused.get(row.message.target))
        return {
            **found,
            "headers": {name: self._mask(value) for name, value in found["headers"].items()},
            "body": hidden(found["body"], self._mask),
        }

    async def sensors(self) -> models.Sensors:
        """All sensors, by id."""
        users, since = self._users(), await self._paused_since()
        wanted = sorted(self._supervisor.wanted)
        items = [await self._sensor(id, users[id], since.get(id)) for id in wanted]
        return {"items": items, "next": None}

    async def sensor(self, id: str) -> models.Sensor:
        """One sensor. Raises `UnknownSensor`."""
        if id not in self._supervisor.wanted:
            raise UnknownSensor(id, self._supervisor.wanted)
        since = await self._paused_since()
        return await self._sensor(id, self._users()[id], since.get(id))

    def _users(self) -> Mapping[str, Sequence[str]]:
        """By sensor the flows that listen to it."""
        users: defaultdict[str, list[str]] = defaultdict(list)
        for name, flow in sorted(self._library.live.items()):
            specs = (source.spec(name) for source in flow.on)
            for id in dict.fromkeys(spec.id for spec in specs if spec is not None):
                users[id].append(name)
        return users

    async def _sensor(
        self, id: str, flows: Sequence[str], paused_since: int | None
    ) -> models.Sensor:
        spec, part = self._supervisor.wanted[id], self._health.parts().get(f"sensor {id}")
        sensor = self._supervisor.sensors.get(id)
        behind = _behind_of(sensor)
        stored = await self._store.some_positions(id, POSITIONS + 1)
        reason = "it is about to start" if part is None else part.reason
        return {
            "id": id,
            "kind": spec.kind,
            "name": spec.name,
            "flows": list(flows),
            "paused": id in self._supervisor.paused,
            "reason": None if reason is None else self._mask(reason),
            "since": moment(paused_since or (None if part is None else part.since)),
            "failures": 0 if part is None else part.failures,
            "events": self._intake.totals[id],
            "last": [
                {"event": e.key, "type": e.type, "subject": e.subject, "at": moment(e.at)}
                for e in self._intake.last(id)
            ],
            "positions": _positions(stored, behind),
            "more_positions": len(stored) > POSITIONS,
            "behind": sum(behind.values()) if behind else None,
            "next_fire": moment(sensor.next_due) if isinstance(sensor, TimerSensor) else None,
        }

    async def _paused_since(self) -> Mapping[str, int]:
        """Since when which sensors are paused: it may be for longer than the daemon runs."""
        return await self._store.paused_sensors() if self._supervisor.paused else {}

    async def store_state(self) -> models.StoreState:
        """How large the data folder's databases are."""
        size = await self._store.size()
        names = (f"{DATABASE}-wal", LOGS)
        wal, logs = await anyio.to_thread.run_sync(_sizes, [self._folder / n for n in names])
        return {
            "folder": str(self._folder),
            "bytes": size.bytes,
            "free": size.free,
            "write_ahead_log": wal,
            "logs": logs,
            "schema": size.schema,
            "events": size.events,
            "runs": size.runs,
            "tasks": size.tasks,
            "messages": size.messages,
            "oldest_event_at": moment(size.oldest_event_at),
            "oldest_run_at": moment(size.oldest_run_at),
            "retention": _retention(self._loaded.settings.retention),
        }

    def settings(self) -> models.SettingsInForce:
        """Every key of the settings, secrets masked."""
        items: list[models.Setting] = [
            {"key": key, "value": self._mask(value), "origin": origin}
            for key, value, origin in effective(self._loaded)
        ]
        return {
            "items": items,
            "next": None,
            "version": version("triphammer"),
            "root": str(self._loaded.root),
            "folder": str(self._folder),
        }

    async def compare(self, ids: Sequence[str]) -> models.Comparison:
        """Runs side by side, named by their ids or unique beginnings. Raises `UnknownRun`."""
        full = [await self._reading.full_id(id, UnknownRun) for id in ids]
        rows = [await self._reading.run_row(id) for id in full]
        runs = [shown.compared(row) for row in rows]
        lines = {line.run.id: line.tasks for line in await self._grid_of(full)}
        tasks = [{task.name: task for task in lines.get(row.id, ())} for row in rows]
        names = dict.fromkeys(name for run in runs for name in run["params"])
        return {
            "runs": runs,
            "different": [name for name in names if not _same(runs, name)],
            "tasks": shown.compared_tasks(tasks),
        }

    async def _grid_of(self, ids: Sequence[str]) -> Sequence[Any]:
        return await self._store.grid_of(list(dict.fromkeys(ids)), COMPARED_TASKS)


def _same(runs: Sequence[models.Compared], name: str) -> bool:
    """Whether a parameter has one value in all runs; it may be there in some only."""
    first = runs[0]["params"]
    return all(
        name in run["params"] and name in first and run["params"][name] == first[name]
        for run in runs
    )


def _positions(stored: Mapping[str, str], behind: Mapping[str, int]) -> list[models.Position]:
    """Stored positions with what is known to be behind each: keys may have more in front."""
    return [
        {"key": key, "value": value, "behind": _behind(key, behind)}
        for key, value in list(stored.items())[:POSITIONS]
    ]


def _behind_of(sensor: Sensor | None) -> Mapping[str, int]:
    lag: Mapping[tuple[str, int], int] = sensor.lag() if isinstance(sensor, Lagging) else {}
    return {f"{topic}/{number}": count for (topic, number), count in lag.items()}


def _behind(key: str, behind: Mapping[str, int]) -> int | None:
    return next((n for part, n in behind.items() if key == part or key.endswith(f"/{part}")), None)


def _retention(kept: Retention) -> models.Retention:
    return {
        "payload": kept.payload.total_seconds(),
        "failed": None if kept.failed is None else kept.failed.total_seconds(),
        "identities": kept.identities.total_seconds(),
        "audit": kept.audit.total_seconds(),
        "events": kept.events,
    }


def _sizes(files: Sequence[Path]) -> list[int]:
    """Bytes of files; 0 for those that are not there."""
    return [file.stat().st_size if file.is_file() else 0 for file in files]
