"""The reads behind API and console: rows of the store joined with what is live."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from triphammer.flows.engine.stopping import Abandoned
from triphammer.flows.event_reads import event_reads
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import Artifacts, Kept, TaskRow
from triphammer.flows.references import suggest
from triphammer.flows.schemas import params_schema
from triphammer.sensors.contract import Accepted
from triphammer.sensors.timers.sensor import TimerSensor
from triphammer.service.dead_runs import record_number
from triphammer.service.dispatcher.admission import Admission
from triphammer.service.dispatcher.explain import filtered
from triphammer.service.errors import (
    NotFound,
    StateForbids,
    UnknownEvent,
    UnknownMessage,
    UnknownRun,
)
from triphammer.service.library import Library
from triphammer.service.store.contract import (
    DeadRecordRow,
    EventRow,
    FailedAttempt,
    Page,
    RunRow,
    Store,
)
from triphammer.service.store.logs import LogStore
from triphammer.service.store.looking import EventSearch
from triphammer.service.supervisor import Supervisor
from triphammer.service.web import models, views
from triphammer.service.web.paging import MOST_BYTES
from triphammer.service.web.subscriptions import event_search, sharing, subscriptions

PACKED = 2_000
"""Bytes that a stored result takes besides its body, at most."""
NotFoundOf = Callable[[str], NotFound]


class Reading:
    """Answers questions; changes nothing."""

    def __init__(
        self,
        *,
        store: Store,
        logs: LogStore,
        library: Library,
        admission: Admission,
        supervisor: Supervisor,
        artifacts: Artifacts,
        abandoned: Callable[[], Sequence[Abandoned]],
        timezone: str,
    ) -> None:
        self.store = store
        self.artifacts = artifacts
        self._abandoned = abandoned
        self._timezone = timezone
        self.captured = logs
        self._library = library
        self._admission = admission
        self._supervisor = supervisor

    async def full_id(self, id: str, unknown: NotFoundOf) -> str:
        """The whole id that `id` is, or is the only beginning of."""
        found = await self.store.find(id)
        if id in found or len(found) == 1:
            return id if id in found else found[0]
        if found:
            raise NotFound(f"{id!r} is the beginning of several: {', '.join(found)}")
        raise unknown(id)

    async def flows(self) -> list[models.Flow]:
        """All live flows, by name."""
        counts = await self.store.run_counts()
        fires = self.next_fires()
        return [
            self._flow(flow, counts.get(name, {}), fires.get(name))
            for name, flow in sorted(self._library.live.items())
        ]

    async def all_flows(self) -> models.Flows:
        """The live flows, those that have left something behind, and what is wrong with files."""
        return {
            "items": await self.flows(),
            "next": None,
            "removed": await self.removed_flows(),
            "errors": list(self._library.errors),
        }

    async def removed_flows(self) -> list[models.RemovedFlow]:
        """The flows that serve no more, but have runs or state."""
        counts = await self.store.run_counts()
        return [
            views.removed_flow(
                row, paused=row.flow in self._admission.paused, counts=counts.get(row.flow, {})
            )
            for row in await self.store.served()
            if row.removed_at is not None and row.has_history
        ]

    @property
    def flow_names(self) -> Sequence[str]:
        """Of the flows that serve, in order."""
        return sorted(self._library.live)

    @property
    def load_errors(self) -> Sequence[str]:
        """What is wrong with flow files, as `file:line: message`."""
        return self._library.errors

    async def flow(self, name: str) -> models.FlowInFull:
        """One flow with its graph: a live one, or a removed one as it was last."""
        definition = self._library.live.get(name)
        if definition is None:
            row = await self._library.removed(name)
            definition = await self._library.version(name, row.version)
        counts = await self.store.run_counts()
        flow = self._flow(definition, counts.get(name, {}), self.next_fires().get(name))
        return {
            **flow,
            "graph": views.graph(definition),
            "params_schema": params_schema(definition),
            "subscriptions": [
                views.subscription(item) for item in subscriptions(definition, self._timezone)
            ],
            "sharing": sharing(definition),
            "event_reads": list(event_reads(definition)),
        }

    def events_for(self, name: str) -> Mapping[str, str]:
        """The search that finds the events a live flow listens to, as far as its first source
        tells; empty: all."""
        flow = self._library.live.get(name)
        return {} if flow is None else event_search(flow)

    def _flow(
        self, definition: FlowDef, counts: Mapping[str, int], next_fire: int | None
    ) -> models.Flow:
        name = definition.name
        return views.flow(
            definition,
            paused=name in self._admission.paused,
            counts=counts,
            next_fire=next_fire,
            error=self._library.wrong.get(name),
            is_removed=name not in self._library.live,
        )

    def next_fires(self) -> dict[str, int]:
        """The next due time of each flow with a timer, microseconds."""
        fires: dict[str, int] = {}
        for sensor in self._supervisor.sensors.values():
            if isinstance(sensor, TimerSensor) and sensor.next_due is not None:
                due = fires.get(sensor.flow, sensor.next_due)
                fires[sensor.flow] = min(due, sensor.next_due)
        return fires

    async def run_row(self, id: str) -> RunRow:
        """The row of a run named by its id or a unique beginning of it."""
        row = await self.store.run(await self.full_id(id, UnknownRun))
        if row is None:
            raise UnknownRun(id)
        return row

    async def run_of(self, accepted: Accepted) -> models.RunInFull:
        """The run that an accepted request began, now or when it came first.

        Raises `StateForbids` when that is longer ago than runs are kept.
        """
        run = next(iter(accepted.runs), None)
        if run is None or await self.store.run(run) is None:
            raise StateForbids(
                f"{accepted.id!r} was asked for before, and its run is no longer kept; give another"
                " Idempotency-Key"
            )
        return await self.run(run)

    async def run(
        self, id: str, *, every_item: bool = False, limit: int = 500, after: str | None = None
    ) -> models.RunInFull:
        """One run with its tasks, messages and graph; maps summarised unless `every_item`."""
        row = await self.run_row(id)
        most = MOST_BYTES if every_item else None
        rows = await self.store.tasks(
            row.id, after=after, limit=limit, bytes=most, items=every_item
        )
        failed = _by_task(await self.store.failed_attempts(row.id))
        items = await self.store.item_counts(row.id)
        tasks = [views.task_in_full(r, failed.get(r.name, ()), items.get(r.name)) for r in rows]
        messages = await self.store.outbox(run=row.id)
        return {
            **views.run(row),
            "tasks": tasks,
            "next": following(rows, limit) if every_item else None,
            "waits": [views.wait(w) for w in await self.store.waits(row.id) if w.wait.task],
            "queued_for": None if row.state != "queued" else await self.queued_for(row),
            "still_running": self.still_running(row.id),
            "operations": [views.operation(o) for o in await self.store.operations(row.id)],
            "messages": [views.message(m) for m in messages],
            "graph": await self.graph_of(row),
        }

    async def stored_tasks(self, id: str, *, limit: int, after: str | None) -> models.StoredTasks:
        """The tasks of a run with their results as they are stored."""
        row = await self.run_row(id)
        rows = await self.store.tasks(row.id, after=after, limit=limit, bytes=MOST_BYTES)
        shown = [views.stored_task(item) for item in rows]
        return {"items": shown, "next": following(rows, limit)}

    async def is_stored(self, digest: str) -> bool:
        """Whether a result is, or a task has kept, the artifact `digest`."""
        return bool(await self.store.artifacts_named([digest]))

    async def queued_for(self, row: RunRow) -> str:
        """What a queued run waits for."""
        live = self._library.live.get(row.flow)
        if row.flow in self._admission.paused:
            return f"{row.flow} is paused"
        if row.order_key is not None and row.holds:
            holder = await self.store.holder(row.flow, row.order_key)
            if holder is not None and holder[0] != row.id:
                dead = "; retry, redrive or skip it" if holder[1] == "failed" else ""
                return f"{holder[0]}, which has the key {row.order_key} and is {holder[1]}{dead}"
        most = 1 if live is None else live.max_runs
        own, all = self._admission.active_of(row.flow), self._admission.active
        return f"a place: {own} of at most {most} runs of {row.flow} are under way, {all} in all"

    def still_running(self, id: str) -> list[str]:
        """The tasks of a run that were to end and whose code goes on."""
        return [a.id.task for a in self._abandoned() if a.id.run == id]

    async def graph_of(self, row: RunRow) -> models.Graph | None:
        """What the version of a run has drawn; None when its code is gone."""
        try:
            return views.graph(await self._library.version(row.flow, row.version))
        except NotFound:  # its code is gone: the run is still shown, without its drawing
            return None

    async def nodes(self, row: RunRow) -> Collection[str]:
        """The names of a run's tasks, those inside other tasks apart; none if its code is gone."""
        try:
            return (await self._library.version(row.flow, row.version)).graph.nodes.keys()
        except NotFound:
            return ()

    async def task_result(self, id: str, task: str) -> models.TaskResult:
        """The result of one task. Raises `NotFound` naming one that is near."""
        run = await self.full_id(id, UnknownRun)
        rows = {row.name: row for row in await self.store.task_and_items(run, task)}
        row = rows.pop(task, None)
        if row is None:
            known = [one.name for one in await self.store.tasks(run, items=False)]
            raise NotFound(f"no task {task!r} of run {run} has begun{suggest(task, known)}")
        result = views.value(row.result)
        if row.items is not None and row.result is None:
            items = (rows.get(f"{task}[{n}]") for n in range(row.items))
            result = [None if item is None else views.value(item.result) for item in items]
        return {"task": row.name, "state": row.state, "result": result}

    async def kept(self, digest: str) -> Kept | None:
        """What is known of an artifact that a task has kept."""
        return await self.store.artifact(digest)

    async def artifacts_of(self, id: str, limit: int) -> models.Artifacts:
        """Those that the tasks of a run have kept, in order."""
        run = await self.full_id(id, UnknownRun)
        return {"items": [views.kept(one) for one in await self.store.artifacts(run, limit)]}

    async def logs(
        self, id: str, *, task: str | None, attempt: int | None, after: int, limit: int
    ) -> models.Logs:
        """Captured lines of a run in order."""
        run = await self.full_id(id, UnknownRun)
        lines = await self.captured.lines(run, task=task, attempt=attempt, after=after, limit=limit)
        shown: list[models.LogLine] = [
            {
                "seq": line.seq,
                "task": line.task,
                "attempt": line.attempt,
                "at": views.moment(line.at),
                "level": line.level,
                "text": line.text,
            }
            for line in lines
        ]
        return {"items": shown, "next": shown[-1]["seq"] if len(lines) == limit else None}

    async def message(self, id: str) -> models.Message:
        """One outgoing message, named by its id or a unique beginning of it."""
        row = await self.store.message(await self.full_id(id, UnknownMessage))
        if row is None:
            raise UnknownMessage(id)
        return views.message(row)

    async def dead_record(self, id: str) -> DeadRecordRow | None:
        """A record that could not become an event, by the id of its dead letter."""
        number = record_number(id)
        if number is None:
            return None
        found = await self.store.dead_records(Page(limit=1, before=number + 1))
        return next((row for row in found if row.seq == number), None)

    async def events(self, asked: EventSearch) -> models.Events:
        """A page of events."""
        found = await self.store.search_events(asked)
        return {
            "items": [views.event(row) for row in found.events],
            "next": None if found.before is None else f"c{found.before}",
            "searched_to": views.moment(found.searched_to),
        }

    async def stored_event(self, key: str) -> EventRow:
        """The row of an event."""
        row = await self.store.event(key)
        if row is None:
            raise UnknownEvent(key)
        return row

    async def event(self, key: str) -> models.EventInFull:
        """One event with its dispositions; flows it was `filtered` for are added."""
        row = await self.stored_event(key)
        stored = [views.disposition(d) for d in await self.store.dispositions(key)]
        told = {d["flow"] for d in stored}
        return {**views.event(row), "dispositions": stored + await self._filtered(row, told)}

    async def _filtered(self, row: EventRow, told: set[str]) -> list[models.Disposition]:
        """The `filtered` outcomes, recomputed from the catalog that the event was decided by."""
        body = None if row.catalog is None else await self.store.catalog(row.catalog)
        if body is None:
            return []
        return [
            {"subscription": f, "flow": f, "outcome": "filtered", "detail": why, "run": None}
            for f, why in filtered(body, row.event)
            if f not in told
        ]


def following(rows: Sequence[TaskRow], limit: int) -> str | None:
    """The task that the next page comes after; None: these were the last. A page that has ended
    early for its size is never taken for the last one."""
    size = sum(PACKED + len(row.result.body) for row in rows if row.result is not None)
    return rows[-1].name if len(rows) == limit or size >= MOST_BYTES else None


def _by_task(failed: Sequence[FailedAttempt]) -> Mapping[str, Sequence[FailedAttempt]]:
    found: dict[str, list[FailedAttempt]] = {}
    for attempt in failed:
        found.setdefault(attempt.task, []).append(attempt)
    return found
