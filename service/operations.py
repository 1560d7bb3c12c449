"""What can be asked of the running daemon: one place for web, command line and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import msgspec

from triphammer.config.clock import Clock
from triphammer.config.ids import new_id
from triphammer.config.trace_context import TraceContext
from triphammer.flows.engine.breakers import BreakerCount
from triphammer.flows.engine.engine import Engine
from triphammer.sensors import times
from triphammer.sensors.contract import Accepted, Emission
from triphammer.sensors.errors import Rejected, StoreUnavailable
from triphammer.sensors.event import Event
from triphammer.sensors.webhook.request import Challenge, HookRequest
from triphammer.sensors.webhook.sensor import WebhookSensor
from triphammer.service.dispatcher.admission import Admission
from triphammer.service.dispatcher.approvals import Approvals
from triphammer.service.dispatcher.decide import LINEAGE, RUNS
from triphammer.service.dispatcher.dispatcher import Dispatcher
from triphammer.service.dispatcher.marking import Marking, RunMark, TaskMark
from triphammer.service.dispatcher.retry import Asked, Retry
from triphammer.service.dispatcher.starter import Starter
from triphammer.service.errors import StateForbids, UnknownEvent, UnknownRun, UnknownSensor
from triphammer.service.hub import Hub, News
from triphammer.service.library import Library
from triphammer.service.retention import Sweeper, Swept
from triphammer.service.store.contract import ENDED, PauseSensor, RunRow, SetPaused, Store
from triphammer.service.store.operator_units import TAGS, Annotate, Operation
from triphammer.service.supervisor import Supervisor

API = "triphammer/api"
PAUSED_SECONDS = 60.0
"""After which senders to a paused webhook are told to come again."""
SOMEBODY = Asked(by="request")


class Operations:
    """The verbs: emit, receive, start, cancel, retry, pause, ... Reads go to the store."""

    def __init__(
        self,
        *,
        store: Store,
        library: Library,
        dispatcher: Dispatcher,
        starter: Starter,
        admission: Admission,
        engine: Engine,
        supervisor: Supervisor,
        clock: Clock,
        hub: Hub,
        sweeper: Sweeper,
        retry: Retry,
        marking: Marking,
        approvals: Approvals,
    ) -> None:
        self._store = store
        self._library = library
        self._dispatcher = dispatcher
        self._starter = starter
        self._admission = admission
        self._engine = engine
        self._supervisor = supervisor
        self._clock = clock
        self._hub = hub
        self._sweeper = sweeper
        self._retry = retry
        self._marking = marking
        self._approvals = approvals
        self._pausing = anyio.Lock()

    async def post(self, events: Sequence[Event]) -> Sequence[Accepted]:
        """Take posted events in, as one transaction.

        Raises `Overloaded` under back-pressure, `Rejected` (400) for an event that claims to
        come from a run: flows would not hear it, or hear what no run has done.
        """
        for event in events:
            if event.source == RUNS or LINEAGE in event.extensions:
                raise Rejected(
                    400,
                    f"source {RUNS!r} and attribute {LINEAGE!r} are triphammer's own: "
                    f"give event {event.id!r} a source of yours",
                )
        emission = Emission(events=events)
        return await self._dispatcher.emit("events:api", emission, wait=False)

    async def emit_again(self, key: str) -> Accepted:
        """Let a stored event come once more: as a new one of the same contents and time.

        Raises `UnknownEvent`, and what `post` raises.
        """
        row = await self._store.event(key)
        if row is None:
            raise UnknownEvent(key)
        id, received_at = f"{key}/{new_id('again')}", times.utc(self._clock.now())
        anew = msgspec.structs.replace(row.event, key=new_id("evt"), id=id, received_at=received_at)
        (accepted,) = await self.post([anew])
        return accepted

    def turned_away(self, kind: str) -> None:
        """Tell that a request with events of this kind was refused."""
        self._dispatcher.turned_away(kind, "refused")

    async def receive(self, path: str, request: HookRequest) -> Accepted | Challenge:
        """Hand a delivery to the webhook of `path`. Raises `Rejected` (404, 401, 413, 400).

        A reload that changes the webhook is waited for. Raises `StoreUnavailable` while nothing
        is taken, or the webhook's sensor is not there: senders give up on a 404.
        """
        self._dispatcher.check_open()
        sensor = self._webhook(path)
        if sensor is None and self._is_wanted(path):
            await self._supervisor.settled()  # a reload is just changing it
            sensor = self._webhook(path)
        if sensor is not None:
            return await sensor.receive(request)
        if f"webhook:{path}" in self._supervisor.paused and self._is_wanted(path):
            raise StoreUnavailable(f"the webhook {path!r} is paused; send again", PAUSED_SECONDS)
        if self._is_wanted(path):
            raise StoreUnavailable(f"the webhook {path!r} is not open just now; send again")
        raise Rejected(404, f"no flow listens to the webhook {path!r}")

    def _webhook(self, path: str) -> WebhookSensor | None:
        sensor = self._supervisor.sensors.get(f"webhook:{path}")
        return sensor if isinstance(sensor, WebhookSensor) else None

    def _is_wanted(self, path: str) -> bool:
        sources = (source for flow in self._library.live.values() for source in flow.on)
        return any(source.kind == "webhook" and source.name == path for source in sources)

    async def start(
        self,
        flow: str,
        params: Mapping[str, Any],
        *,
        by: str,
        key: str | None = None,
        event: Event | None = None,
        trace: TraceContext | None = None,
    ) -> Accepted:
        """Ask for a run of `flow`, on a stored `event` if one is given; without one it belongs to
        the `trace` of who asks.

        With the same idempotency `key` it is started once.
        """
        live = self._library.flow(flow)
        id = f"{flow}/{key}" if key is not None else new_id("evt")
        if event is None:
            return await self._dispatcher.request(
                live, params, by=by, source=API, id=id, trace=trace
            )
        return await self._dispatcher.request_on(event, live, params, by=by, source=API, id=id)

    async def cancel(self, run: str, asked: Asked = SOMEBODY, *, now: bool = False) -> RunRow:
        """End a run that is queued or under way, and with `now` its teardowns too.

        With the same idempotency key it is done once: to do it twice may end the teardowns.
        Raises `UnknownRun`, `StateForbids`.
        """
        row = await self._row(run)
        if asked.key in [done.key for done in await self._store.operations(run) if done.key]:
            return row
        if row.state in ENDED:
            raise StateForbids(f"run {run} has already ended: it is {row.state}")
        reason = f"cancelled by {asked.by}"
        if not self._engine.cancel(run, reason):
            self._starter.cancel(row, reason)
        elif now:
            self._engine.cancel(run, reason)
        noted = self._noted(run, asked, "cancel", "at once" if now else "")
        await self._store.commit([Annotate(operation=noted)])
        return row

    async def retry(self, run: str, asked: Asked, *, since: str | None, failed_only: bool) -> None:
        """Let a run that has ended begin again; see `Retry.run`."""
        self._dispatcher.check_open()
        await self._retry.run(run, asked, since=since, failed_only=failed_only)

    async def mark_task(
        self,
        run: str,
        task: str,
        state: TaskMark,
        asked: Asked,
        *,
        result: Any = None,
        reason: str = "",
    ) -> None:
        """Let a task count as somebody says; see `Marking.task`."""
        self._dispatcher.check_open()
        await self._marking.task(run, task, state, asked, result=result, reason=reason)

    async def mark_run(self, run: str, state: RunMark, asked: Asked, *, reason: str = "") -> None:
        """Let a run that has ended count as somebody says; see `Marking.run`."""
        self._dispatcher.check_open()
        await self._marking.run(run, state, asked, reason=reason)

    async def answer(
        self,
        run: str,
        task: str | None,
        asked: Asked,
        *,
        approved: bool,
        form: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> str:
        """Approve or reject what a task asks for; see `Approvals.answer`."""
        self._dispatcher.check_open()
        return await self._approvals.answer(
            run, task, asked, approved=approved, form=form, reason=reason
        )

    async def annotate(
        self,
        run: str,
        asked: Asked,
        *,
        note: str | None = None,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> None:
        """Give a run a note (None leaves it) and tags, and take tags away.

        Raises `UnknownRun`, and `StateForbids` for more than `TAGS` tags.
        """
        row = await self._row(run)
        parts = [] if note is None else ["note"]
        parts += [f"+{tag}" for tag in add] + [f"-{tag}" for tag in remove]
        unit = Annotate(
            operation=self._noted(run, asked, "annotate", " ".join(parts)),
            note=note,
            add=tuple(add),
            remove=tuple(remove),
        )
        (outcome,) = await self._store.commit([unit])
        if isinstance(outcome, Exception):
            raise outcome
        done = () if outcome is True else await self._store.operations(run)
        if outcome is not True and asked.key not in {one.key for one in done if one.key}:
            raise StateForbids(f"run {run} would have more than {TAGS} tags: remove some")
        self._hub.publish([News("run", run, row.flow, row.state)])

    def _noted(self, run: str, asked: Asked, what: str, detail: str = "") -> Operation:
        return Operation(
            run=run, at=self._clock.now(), by=asked.by, what=what, detail=detail, key=asked.key
        )

    def breakers(self) -> Mapping[str, BreakerCount]:
        """How each circuit breaker of tasks stands."""
        return self._engine.breakers()

    async def pause(self, flow: str) -> None:
        """Begin no more runs of `flow`; events are taken, their runs wait in the store."""
        await self._set_paused(flow, True)

    async def resume(self, flow: str) -> None:
        """Begin runs of `flow` again, the waiting ones first."""
        await self._set_paused(flow, False)

    async def pause_sensor(self, id: str) -> None:
        """Let a sensor take nothing until it is resumed; what happens meanwhile waits at its
        source. Raises `UnknownSensor`."""
        await self._pause_sensor(id, True)

    async def resume_sensor(self, id: str) -> None:
        """Let a sensor go on where it was. Raises `UnknownSensor`."""
        await self._pause_sensor(id, False)

    async def _pause_sensor(self, id: str, paused: bool) -> None:
        supervisor = self._supervisor
        if id not in supervisor.wanted:
            raise UnknownSensor(id, supervisor.wanted)
        unit = PauseSensor(sensor=id, paused=paused, at=self._clock.now())
        async with self._pausing:  # what is stored and what holds must not part
            (outcome,) = await self._store.commit([unit])
            if isinstance(outcome, Exception):
                raise outcome
            await (supervisor.pause(id) if paused else supervisor.resume(id))

    async def prune(self, *, dry: bool, folder: str | None = None) -> Swept:
        """Remove at once what `[retention]` no longer keeps; with `dry` only count it.

        Raises `StateForbids` when the data folder is not the `folder` that somebody means.
        """
        mine = self._sweeper.folder
        if folder is not None and Path(folder) != mine:
            raise StateForbids(
                f"the daemon here has the data folder {mine}, not {folder}: say with --url where "
                "the daemon of that folder is"
            )
        return await self._sweeper.sweep(dry=dry)

    async def _set_paused(self, flow: str, paused: bool) -> None:
        if flow not in self._library.live:
            await self._library.removed(flow)
        await self._store.commit([SetPaused(flow=flow, paused=paused, at=self._clock.now())])
        self._admission.pause(flow, paused)
        self._starter.touch_all()
        self._hub.publish([News("flow", flow, flow, "paused" if paused else "live")])

    async def _row(self, run: str) -> RunRow:
        row = await self._store.run(run)
        if row is None:
            raise UnknownRun(run)
        return row
