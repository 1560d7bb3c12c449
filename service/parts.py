"""The parts that the daemon, a local run and the testing kit are all made of.

Only the edges differ between them: the store, the clock, the executors. Everything between
an event and the end of its runs is put together here, once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random

import msgspec

from triphammer.config.clock import Clock
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.flows.engine.engine import Engine, RunEnd
from triphammer.flows.engine.stopping import Abandoned
from triphammer.flows.engine.values import RunLate
from triphammer.flows.executors.contract import Executor
from triphammer.flows.executors.keeping import Keeps
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import Artifacts, Posted
from triphammer.service.backfills.backfills import Backfills
from triphammer.service.backfills.filler import Filler
from triphammer.service.dispatcher.active import ActiveRuns
from triphammer.service.dispatcher.admission import Admission
from triphammer.service.dispatcher.approvals import Approvals
from triphammer.service.dispatcher.catalog import Catalog
from triphammer.service.dispatcher.dispatcher import Dispatcher
from triphammer.service.dispatcher.flow_state import FlowStates
from triphammer.service.dispatcher.intake import Intake
from triphammer.service.dispatcher.journal import RunJournal
from triphammer.service.dispatcher.late import LateRuns
from triphammer.service.dispatcher.marking import Marking
from triphammer.service.dispatcher.retry import Retry
from triphammer.service.dispatcher.starter import Starter
from triphammer.service.dispatcher.underway import Underway
from triphammer.service.dispatcher.waker import Waker
from triphammer.service.hub import Hub
from triphammer.service.library import Library
from triphammer.service.notices import Notices
from triphammer.service.observer import Observer
from triphammer.service.store.contract import Store
from triphammer.service.store.versions import SaveCatalog, SaveVersion, SetServing
from triphammer.service.tracing.carrying import Carrier, Forwarding


class Edges(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between a daemon, a local run and a simulation."""

    store: Store
    artifacts: Artifacts
    clock: Clock
    executors: Mapping[str, Executor]
    secrets: Secrets
    random: Random
    root: Path
    workdir: Path
    owner: str
    notify: Callable[[str], None]
    on_store_error: Callable[[Exception], None]
    underway: Underway
    deliveries: bool = True
    """Messages are delivered: tasks with `wait="delivered"` wait for that."""
    observers: tuple[Observer, ...] = ()
    """Who is told of what is stored."""
    carrier: Carrier = Forwarding()
    """Who says which trace it is that what goes out belongs to."""


class Core:
    """Dispatcher, starter, engine and journal, joined; owns no task of its own."""

    def __init__(self, edges: Edges, settings: Settings, log: logging.Logger) -> None:
        self.edges = edges
        self.timezone = settings.flows.timezone
        self.hub = Hub()
        self.active = ActiveRuns()
        self.states = FlowStates()
        self.admission = Admission(settings.limits.active_runs)
        self.library = Library(edges.store, edges.root, {})
        self.intake = Intake()
        self.starter = Starter(
            store=edges.store,
            library=self.library,
            states=self.states,
            admission=self.admission,
            active=self.active,
            clock=edges.clock,
            owner=edges.owner,
            underway=edges.underway,
            log=log,
            settled=self._room_changed,
        )
        self.dispatcher = Dispatcher(
            store=edges.store,
            starter=self.starter,
            clock=edges.clock,
            hub=self.hub,
            queued_limit=settings.limits.queued_runs,
            intake=self.intake,
            observers=edges.observers,
        )
        self.filler = Filler(
            store=edges.store,
            library=self.library,
            admission=self.admission,
            starter=self.starter,
            dispatcher=self.dispatcher,
            clock=edges.clock,
            hub=self.hub,
        )
        self.backfills = Backfills(
            store=edges.store,
            library=self.library,
            clock=edges.clock,
            settings=settings,
            changed=self.filler.begin,
        )
        self.waker = Waker(store=edges.store, starter=self.starter, clock=edges.clock)
        self.notices = Notices(settings.notify, self.states)
        self.journal = RunJournal(
            store=edges.store,
            dispatcher=self.dispatcher,
            active=self.active,
            states=self.states,
            clock=edges.clock,
            hub=self.hub,
            notify=edges.notify,
            waits=self.waker.begun,
            notices=self.notices,
            observers=edges.observers,
            carrier=edges.carrier,
        )
        self.late = LateRuns(
            store=edges.store,
            dispatcher=self.dispatcher,
            active=self.active,
            clock=edges.clock,
            log=log,
        )
        self.engine = Engine(
            journal=self.journal,
            clock=edges.clock,
            secrets=edges.secrets,
            artifacts=edges.artifacts,
            workdir=edges.workdir,
            random=edges.random,
            on_end=self._ended,
            on_store_error=edges.on_store_error,
            deliveries=edges.deliveries,
            zone=settings.flows.timezone,
            pools=settings.pools,
            on_late=self._late,
            largest=settings.limits.artifact,
            on_abandoned=partial(_tell_abandoned, log),
            find=edges.store.cached,
        )
        self.engine.use(edges.executors)
        self.starter.bind(self.engine, self.journal)
        self.marking = Marking(
            store=edges.store,
            library=self.library,
            starter=self.starter,
            engine=self.engine,
            artifacts=edges.artifacts,
            clock=edges.clock,
            hub=self.hub,
        )
        self.retry = Retry(
            store=edges.store,
            library=self.library,
            starter=self.starter,
            clock=edges.clock,
            hub=self.hub,
        )
        self.approvals = Approvals(store=edges.store, library=self.library, clock=edges.clock)
        self.waker.bind(self.engine)

    def _room_changed(self) -> None:
        self.filler.notify()

    def _late(self, late: RunLate) -> None:
        self.late.tell(late)
        now, live = self.edges.clock.now(), self.library.live.get(late.flow)
        change = self.notices.of_late(late, live, now)
        if change.outbox:
            self.journal.post([change], _told)

    def _ended(self, end: RunEnd) -> None:
        if end.state == "waiting":
            self.starter.parked(end.run, end.flow)
        else:
            self.starter.freed(end.run, end.flow, end.state)

    async def put_into_service(self, flows: Mapping[str, FlowDef]) -> None:
        """Store the versions and the catalog of `flows`, then make them the live set.

        That is one step: an event is decided by the old catalog or by the new one.
        """
        store, now = self.edges.store, self.edges.clock.now()
        catalog = Catalog(flows)
        versions = [
            SaveVersion(flow=f.name, version=f.version, file=f.file, sources=f.sources, at=now)
            for f in flows.values()
        ]
        serving = SetServing(
            flows=tuple((f.name, f.version, f.file) for f in flows.values()), at=now
        )
        outcomes = await store.commit(
            [*versions, SaveCatalog(id=catalog.id, body=catalog.body, at=now), serving]
        )
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        await self.states.load(store, flows)
        self.admission.set_flows(flows)
        self.library.replace(flows)
        for executor in set(self.edges.executors.values()):
            if isinstance(executor, Keeps):
                executor.keep(flows.values())
        self.dispatcher.catalog = catalog
        self.starter.touch_all()

    async def recover(self) -> int:
        """Rebuild all memory from the store; the number of runs that are taken up again."""
        for flow in await self.edges.store.paused():
            self.admission.pause(flow, True)
        return await self.starter.recover()


def _told(posted: Sequence[Posted]) -> None:
    """A run that is late may end meanwhile: then its end is told of."""


def _tell_abandoned(log: logging.Logger, one: Abandoned, goes_on: bool) -> None:
    id = one.id
    if goes_on:
        text = "task %s of run %s (%s) was to end and goes on: it is left alone"
        log.warning(text, id.task, id.run, one.flow)
    else:
        text = "task %s of run %s (%s), which was left alone, has ended"
        log.info(text, id.task, id.run, one.flow)
