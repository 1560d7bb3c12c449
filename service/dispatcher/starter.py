"""Begins runs: brand-new ones at once where there is a place, queued ones when one is free."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import anyio
import msgspec
from anyio.abc import TaskStatus

from triphammer.config.clock import Clock
from triphammer.config.errors import TriphammerError
from triphammer.flows.engine.engine import Engine, RunStart, Sent
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import ErrorInfo, Journal, Posted, RunChange, TaskRow
from triphammer.flows.params import typed_params
from triphammer.flows.typed_event import typed_event
from triphammer.sensors.event import Event
from triphammer.service.dispatcher.active import ActiveRuns
from triphammer.service.dispatcher.admission import Admission
from triphammer.service.dispatcher.flow_state import FlowStates
from triphammer.service.dispatcher.ordering import Ordering
from triphammer.service.dispatcher.restarts import OpenRun, Restarts
from triphammer.service.dispatcher.superseded import why_superseded
from triphammer.service.dispatcher.suspects import QUARANTINE, SUSPECT, Suspects
from triphammer.service.dispatcher.underway import Underway
from triphammer.service.dispatcher.woken import Woken
from triphammer.service.errors import VersionGone
from triphammer.service.library import Library
from triphammer.service.store.contract import (
    Background,
    ClaimRun,
    Crashed,
    NewRun,
    Page,
    RunRow,
    Store,
)

MESSAGES = 1_000_000
"""More than the messages of any run."""
GONE = ("succeeded", "cancelled", "superseded")
"""States of a run that holds its key no more."""
READ = 100
"""How many queued runs are read from the store at a time, besides those that are passed over."""
SPARE = 16
"""So many more are read than there are places: some will be passed over."""
TOGETHER = 50
"""Of so many runs events and tasks are read at a time."""


class Held(NamedTuple):
    """The key that a run holds, and whether it still does once it has failed."""

    key: str
    parks: bool


class Starter:
    """Between the store's queue and the engine.

    `offer` is called after the commit that made a run, `freed` after the commit that ended
    one. `bind` hands over the engine and its journal, which need the starter's own parts.
    `settled` is called when runs have ended or limits changed, and those that waited have begun.
    """

    def __init__(
        self,
        *,
        store: Store,
        library: Library,
        states: FlowStates,
        admission: Admission,
        active: ActiveRuns,
        clock: Clock,
        owner: str,
        underway: Underway,
        log: logging.Logger,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._settled = settled
        self._library = library
        self._states = states
        self._admission = admission
        self._active = active
        self._clock = clock
        self._owner = owner
        self._underway = underway
        self._log = log
        self._ordering = Ordering()
        self._keys: dict[str, Held] = {}
        self._restarts = Restarts()
        self._suspects = Suspects(self._take_up, underway)
        self._woken = Woken(admission)
        self._again: list[str] = []
        self._engine: Engine | None = None
        self._journal: Journal | None = None
        self._queued: Counter[str] = Counter()
        self._coming: set[str] = set()
        self._withdrawn: set[str] = set()
        self._gone: set[str] | None = None
        self._touched: set[str] = set()
        self._wake = anyio.Event()
        self._shrunk = anyio.Event()

    def bind(self, engine: Engine, journal: Journal) -> None:
        """Hand over the engine that runs and the journal that ends what cannot run."""
        self._engine = engine
        self._journal = journal

    @property
    def queued(self) -> int:
        """How many runs wait in the store for a place."""
        return self._queued.total()

    def queued_flows(self) -> Mapping[str, int]:
        """How many runs wait, by flow."""
        return dict(self._queued)

    def queued_of(self, flow: str) -> int:
        """How many runs of `flow` wait."""
        return self._queued[flow]

    async def wait_below(self, limit: int) -> None:
        """Return once fewer than `limit` runs wait."""
        while self.queued >= limit:
            await self._shrunk.wait()

    def expect(self, runs: Iterable[str]) -> None:
        """These are being committed: whoever finds them in the queue leaves them to `offer`."""
        self._coming.update(runs)

    def expect_no_more(self, runs: Iterable[str]) -> None:
        """They were offered, or are not stored."""
        self._coming.difference_update(runs)

    def offer(self, run: NewRun, event: Event) -> None:
        """Begin a brand-new run, or leave it queued in the store."""
        flow = self._library.live.get(run.flow)
        if flow is not None and flow.mode == "restart":
            self._active.add_new(run, event)  # it may be ended before it begins
            self._take_over(flow, OpenRun(run.id, run.flow, run.order_key))
        if run.order_key is not None and not self._ordering.join(run.flow, run.order_key):
            self._queued[run.flow] += 1
            return
        is_live = flow is not None and flow.version == run.version
        if not is_live:  # a reload came between: it is begun like those that wait
            self._admission.fall_behind([run.flow])
        if run.id in self._withdrawn:
            self._queued[run.flow] += 1
            return
        if flow is None or not self._admission.try_take(run.id, run.flow):
            self._queued[run.flow] += 1
            self._touch(run.flow)
            return
        self._active.add_new(run, event)
        self._hold(run)
        params = msgspec.json.decode(run.params)
        start = RunStart(
            id=run.id,
            epoch=0,
            flow=flow,
            event=event,
            params=params,
            created_at=run.created_at,
        )
        self._begin(start)

    def freed(self, run: str, flow: str, state: str) -> None:
        """A run has ended: its place is free, and its key too unless it is a dead letter."""
        self._note_gone(run)
        self._admission.release(run)
        self._underway.end(run)
        self._suspects.end(run)
        self._restarts.gone(run)
        self._woken.gone(run)
        held = self._keys.pop(run, None)
        if held is not None and (state in GONE or (state == "failed" and not held.parks)):
            self._leave(flow, held.key)
        self._touch(flow)

    def parked(self, run: str, flow: str) -> None:
        """Only waits are left of a run: its rows are all there is of it from now on.

        It holds its key still, and excludes what it excluded.
        """
        self._admission.park(run, flow)
        self._underway.end(run)
        self._suspects.end(run)
        self._active.forget(run)
        self._restarts.park(run)
        self._keys.pop(run, None)
        self._touch(flow)

    def wake(self, run: str, flow: str, *, cancel: str = "", overdue: bool = False) -> None:
        """A run that waits goes on, as soon as it has a place; with `cancel` only to its end.
        An `overdue` one goes on at once."""
        self._woken.add(run, flow, cancel, overdue=overdue)
        self._wake.set()

    def cancel(self, run: RunRow, reason: str) -> None:
        """End a run that the engine does not have: it waits, is queued, or is about to begin."""
        if run.state == "waiting" or (run.state == "running" and not self._admission.has(run.id)):
            self.wake(run.id, run.flow, cancel=reason)
        else:
            self.withdraw(run)

    def withdraw(self, run: RunRow) -> None:
        """End a run that the engine does not have: it is queued, or about to begin.

        Whatever is on its way to begin it finds it withdrawn; the store refuses if it has
        ended meanwhile.
        """
        self._active.add_row(run)
        self._withdraw(OpenRun(run.id, run.flow, run.order_key, run.epoch), "cancelled")

    def _withdraw(self, run: OpenRun, state: str, error: ErrorInfo | None = None) -> None:
        _, journal = self._bound()
        self._withdrawn.add(run.run)
        change = RunChange(
            run=run.run,
            flow=run.flow,
            epoch=run.epoch,
            state=state,
            finished_at=self._clock.now(),
            error=error,
        )
        journal.post([change], partial(self._withdrew, run))

    def _withdrew(self, run: OpenRun, posted: Sequence[Posted]) -> None:
        self._withdrawn.discard(run.run)
        (item,) = posted
        if item.stale or item.error is not None:
            self._active.forget(run.run)
            return
        if self._admission.has(run.run):
            self.freed(run.run, run.flow, item.change.state or "")
            return
        self._note_gone(run.run)
        self._restarts.gone(run.run)
        self._shrink(run.flow)
        self._touch(run.flow)
        if run.key is not None:
            self._leave(run.flow, run.key)

    def _take_over(self, flow: FlowDef, run: OpenRun) -> None:
        """End the runs that `run` takes over from; it begins once their ends are stored."""
        engine, _ = self._bound()
        reason = f"{run.run} took over: mode='restart'"
        for old in self._restarts.come(flow, run):
            if engine.cancel(old.run, reason):
                continue
            if self._restarts.is_parked(old.run):
                self.wake(old.run, old.flow, cancel=reason)
            else:
                self._withdraw(old, "superseded", ErrorInfo("Superseded", reason))

    def redriven(self, flow: str) -> None:
        """A run took the place of a dead letter: it is queued, and holds what that one held."""
        self._queued[flow] += 1
        self._admission.fall_behind([flow])
        self._touch(flow)

    def retried(self, run: RunRow) -> None:
        """A run that had ended, as it was then, is queued again: it takes its key if it held
        it no more, and takes over where newer runs do."""
        if run.order_key is not None and not run.holds:
            self._ordering.join(run.flow, run.order_key)
        flow = self._library.live.get(run.flow)
        if flow is not None and flow.mode == "restart":
            self._active.add_row(msgspec.structs.replace(run, retried=run.retried + 1))
            self._take_over(flow, OpenRun(run.id, run.flow, run.order_key, run.epoch + 1))
        self.redriven(run.flow)

    def skipped(self, run: RunRow) -> None:
        """A run that had failed holds its key no more."""
        if run.order_key is not None and run.holds:
            self._leave(run.flow, run.order_key)

    def _hold(self, run: NewRun | RunRow) -> None:
        if run.order_key is not None:
            self._keys[run.id] = Held(run.order_key, run.parks)

    def _leave(self, flow: str, key: str) -> None:
        if self._ordering.leave(flow, key):
            self._admission.fall_behind([flow])
            self._touch(flow)

    def touch_all(self) -> None:
        """Limits or pauses have changed: look at every flow that has runs queued."""
        self._touched.update(self._queued)
        self._wake.set()

    async def recover(self) -> int:
        """Take up every run that had begun, and note which flows have runs queued.

        The number of runs taken up. Called before the first event is taken.
        """
        if self._underway.left:
            await self._store.commit([Crashed(self._underway.left)])
        self._ordering.load(await self._store.held_keys())
        # Before anything begins: what an end brings about must not overtake what is queued.
        self._queued = Counter(await self._store.queued_counts())
        self._admission.fall_behind(self._queued)
        rows = await self._claim(await self._store.unfinished())
        for row in rows:
            self._admission.take(row.id, row.flow)
        await self._begin_rows(rows)
        await self._recover_exclusions(rows)
        self.touch_all()
        return len(rows)

    async def _recover_exclusions(self, begun: Sequence[RunRow]) -> None:
        """Runs that wait exclude others still. A newer run takes over from those before it, also
        if we crashed in between."""
        for name, flow in self._library.live.items():
            if flow.mode == "parallel" or (flow.mode != "restart" and flow.per is not None):
                continue
            waiting = await self._store.runs(Page(flow=name, state="waiting", limit=MESSAGES))
            for row in waiting:
                self._admission.park(row.id, name)
            if flow.mode == "restart":
                await self._recover_restarts(flow, [*begun, *waiting])

    async def _recover_restarts(self, flow: FlowDef, begun: Sequence[RunRow]) -> None:
        page = Page(flow=flow.name, state="queued", limit=max(1, self._queued[flow.name]))
        queued = list(reversed(await self._store.runs(page)))
        for row in queued:
            self._active.add_row(row)
        own = [row for row in begun if row.flow == flow.name]
        for row in (*sorted(own, key=lambda row: row.seq), *queued):
            run = OpenRun(row.id, row.flow, row.order_key, row.epoch)
            self._take_over(flow, run)
            if row.state == "waiting":
                self._restarts.park(row.id)

    async def _claim(self, rows: Sequence[RunRow]) -> list[RunRow]:
        """Those of `rows` that are ours now, each in its new epoch."""
        epochs = await self._store.commit([ClaimRun(run=r.id, owner=self._owner) for r in rows])
        claimed: list[RunRow] = []
        for row, epoch in zip(rows, epochs, strict=True):
            if isinstance(epoch, Exception):
                raise epoch
            if isinstance(epoch, int):
                claimed.append(msgspec.structs.replace(row, epoch=epoch))
        return claimed

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Read queued runs from the store whenever a place may be free for them."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._suspects.run, name="suspects")
            group.start_soon(self._underway.run, name="underway")
            task_status.started()
            while True:
                await self._wake.wait()
                self._wake = anyio.Event()
                await self._take_up_woken()
                while (turn := self._admission.turn()) is not None:
                    await self._read(*turn)
                self._settled()

    async def _take_up_woken(self) -> None:
        """Go on with runs that have waited: they come before those that are queued."""
        again, self._again = self._again, []
        for row in await self._store.runs_named(again) if again else ():
            engine, _ = self._bound()
            (background,) = await self._store.backgrounds([row])
            if background.answers and not engine.answered(row.id, background.answers):
                self.wake(row.id, row.flow)
        while taken := dict(self._woken.take(TOGETHER)):
            rows = await self._store.runs_named(list(taken))
            waiting = [row for row in rows if row.state == "waiting"]
            for run in taken.keys() - {row.id for row in waiting}:
                self.freed(run, taken[run], "stale")  # it has ended meanwhile
            await self._begin_rows(waiting)

    async def _read(self, flow: str, most: int) -> None:
        """Begin queued runs of `flow` in order until `most` have begun, or its places or its
        queue are used up."""
        passed_over = 0
        while free := min(most, self._admission.free(flow)):
            self._touched.discard(flow)
            self._gone = set()
            limit = min(free + SPARE, READ) + passed_over
            rows = await self._store.ready(flow, limit)
            passed_over = sum(not self._may_begin(row.id) for row in rows)
            waiting, begun = await self._begin_queued(flow, rows, most)
            most -= begun
            self._gone = None
            # A run that came while we read must not be forgotten: only then is it all.
            if begun == waiting and len(rows) < limit and flow not in self._touched:
                self._admission.caught_up(flow)
                return

    async def _begin_queued(self, flow: str, rows: Sequence[RunRow], most: int) -> tuple[int, int]:
        """Begin what has a place, in order; how many may begin, and how many have.

        Places are counted anew: others took some while we waited for the store.
        """
        waiting = [row for row in rows if self._may_begin(row.id)]
        placed = waiting[: min(most, self._admission.free(flow))]
        for row in placed:
            self._admission.take(row.id, flow)
            self._shrink(flow)
        await self._begin_rows(placed)
        return len(waiting), len(placed)

    def _note_gone(self, run: str) -> None:
        if self._gone is not None:
            self._gone.add(run)

    def _may_begin(self, run: str) -> bool:
        """Whether a run that reads queued is. It may have begun, though that is not committed
        yet, or ended since; it may be about to end, or not offered yet."""
        if self._admission.has(run) or run in self._withdrawn or run in self._coming:
            return False
        return self._gone is None or run not in self._gone

    async def _begin_rows(self, rows: Sequence[RunRow]) -> None:
        # Runs of flows that are no more go on, too, and remember what they did.
        await self._states.load(self._store, {row.flow for row in rows})
        for row in rows:
            self._active.add_row(row)
            self._hold(row)
            if row.crashes >= QUARANTINE:
                reason = f"the daemon crashed {row.crashes} times while this run was under way"
                self._end(row.id, row.flow, row.epoch, "failed", reason, kind="Quarantined")
            elif row.crashes >= SUSPECT:
                self._suspects.add(row)
        await self._take_up([row for row in rows if row.crashes < SUSPECT])

    async def _take_up(self, rows: Sequence[RunRow]) -> None:
        for start in range(0, len(rows), TOGETHER):
            some = rows[start : start + TOGETHER]
            for row, background in zip(some, await self._store.backgrounds(some), strict=True):
                await self._go_on(row, background)

    async def _go_on(self, row: RunRow, background: Background) -> None:
        try:
            flow = await self._library.version(row.flow, row.version)
        except VersionGone as error:
            self._end(row.id, row.flow, row.epoch, "failed", str(error))
            return
        if background.event is None:
            reason = f"the event {row.event} of this run is not stored any more"
            self._end(row.id, row.flow, row.epoch, "failed", reason)
            return
        sent = await self._sent(row.id, flow, background.tasks)
        if row.id in self._withdrawn or not self._admission.has(row.id):
            return
        self._active.read(row.id, background.event.event)
        known = RunStart(
            id=row.id,
            epoch=row.epoch,
            flow=flow,
            event=background.event.event,
            params=msgspec.json.decode(row.params),
            created_at=row.created_at,
            started_at=row.started_at,
            tasks=tuple(background.tasks),
            sent=sent,
            answers=background.answers,
            state=row.state,
        )
        self._begin(known)

    async def _sent(self, run: str, flow: FlowDef, tasks: Sequence[TaskRow]) -> tuple[Sent, ...]:
        """What became of the messages of a run in which a task waits for their delivery."""
        waiting = any(task.state == "waiting" for task in tasks)
        if not waiting or not any(node.options.wait for node in flow.graph.every()):
            return ()
        rows = await self._store.outbox(run=run, limit=MESSAGES)
        return tuple(Sent(r.message.id, r.message.task, r.state, r.error) for r in rows)

    def _begin(self, start: RunStart) -> None:
        """Begin a run whose event and parameters are not typed yet."""
        engine, _ = self._bound()
        flow = start.flow
        self._underway.begin(start.id)
        has_begun = any(row.state != "pending" for row in start.tasks)
        reason = None if has_begun else why_superseded(start.event)
        if reason is not None:
            self._end(start.id, flow.name, start.epoch, "superseded", reason)
            return
        try:
            typed = typed_event(flow, start.event)
            values = typed_params(flow, start.params)
        except TriphammerError as error:
            self._end(start.id, flow.name, start.epoch, "failed", str(error))
            return
        cancel = self._woken.reason(start.id)
        engine.start([msgspec.structs.replace(start, event=typed, params=values, cancel=cancel)])
        if engine.has(start.id):
            self._restarts.park(start.id, waits=False)
        if self._woken.came_again(start.id):
            self._again.append(start.id)
            self._wake.set()

    def _end(
        self,
        run: str,
        flow: str,
        epoch: int,
        state: str,
        reason: str,
        *,
        kind: str = "NotStarted",
    ) -> None:
        """End a run that cannot begin, for a reason that its row shows."""
        _, journal = self._bound()
        change = RunChange(
            run=run,
            flow=flow,
            epoch=epoch,
            state=state,
            finished_at=self._clock.now(),
            error=ErrorInfo(kind, reason),
        )
        self._log.warning("run %s of %s ends %s: %s", run, flow, state, reason)
        journal.post([change], self._ended)

    def _ended(self, posted: Sequence[Posted]) -> None:
        for item in posted:
            state = "stale" if item.stale else item.change.state or ""
            self.freed(item.change.run, item.change.flow, state)

    def _bound(self) -> tuple[Engine, Journal]:
        if self._engine is None or self._journal is None:
            raise RuntimeError("Starter.bind was not called before the first run")
        return self._engine, self._journal

    def _touch(self, flow: str) -> None:
        self._touched.add(flow)
        self._wake.set()

    def _shrink(self, flow: str) -> None:
        self._queued[flow] -= 1
        if self._queued[flow] <= 0:
            del self._queued[flow]
        self._shrunk.set()
        self._shrunk = anyio.Event()
