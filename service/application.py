"""What the web server serves while the store is open: doors, API, console, probes."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import anyio
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp

from triphammer.config.loading import LoadedSettings
from triphammer.config.settings import Limits
from triphammer.flows.executors.processes.executor import cores
from triphammer.service.access.audit import Audit
from triphammer.service.access.standing import Access
from triphammer.service.access.tokens import Tokens
from triphammer.service.dead_messages import DeadMessages
from triphammer.service.dead_runs import DeadEvents, DeadRecords, DeadRuns
from triphammer.service.deadletters import DeadLetters
from triphammer.service.dispatcher.redrive import Redrive
from triphammer.service.flow_state import FlowStateEditor
from triphammer.service.health import Health
from triphammer.service.operations import Operations
from triphammer.service.parts import Core
from triphammer.service.reloads.asking import Reloads
from triphammer.service.retention import Sweeper
from triphammer.service.store.opening import Opened
from triphammer.service.supervisor import Supervisor
from triphammer.service.telemetry.gauges import Gauges
from triphammer.service.telemetry.telemetry import Telemetry
from triphammer.service.versions import Versions
from triphammer.service.web.app import build_app, on_defect
from triphammer.service.web.connections import Connections
from triphammer.service.web.console.console import Console
from triphammer.service.web.doors import Doors
from triphammer.service.web.faults import FaultPages
from triphammer.service.web.fresh import Fresh
from triphammer.service.web.guard import Guard
from triphammer.service.web.once import Once
from triphammer.service.web.overview import Overview
from triphammer.service.web.pages import Pages
from triphammer.service.web.probes import Probes
from triphammer.service.web.reading import Reading
from triphammer.service.web.seen import Routed
from triphammer.service.web.shared import Shared
from triphammer.service.web.signin import SignIn
from triphammer.service.web.stream import Streams


def application(
    core: Core,
    opened: Opened,
    *,
    loaded: LoadedSettings,
    access: Access,
    tokens: Tokens,
    supervisor: Supervisor,
    sweeper: Sweeper,
    health: Health,
    connections: Connections,
    telemetry: Telemetry,
    folder: Path,
    limits: Limits,
    outbox_changed: Callable[[], None],
    reloads: Reloads | None,
) -> ASGIApp:
    """Everything over HTTP, for one opening of the store. `reloads` is None where there are none.

    `outbox_changed` is called when messages have been redriven or skipped.
    """
    operations = Operations(
        store=opened.store,
        library=core.library,
        dispatcher=core.dispatcher,
        starter=core.starter,
        admission=core.admission,
        engine=core.engine,
        supervisor=supervisor,
        clock=core.edges.clock,
        hub=core.hub,
        sweeper=sweeper,
        retry=core.retry,
        marking=core.marking,
        approvals=core.approvals,
    )
    reading = Reading(
        store=opened.store,
        logs=opened.logs,
        library=core.library,
        admission=core.admission,
        supervisor=supervisor,
        artifacts=opened.artifacts,
        abandoned=lambda: core.engine.abandoned,
        timezone=core.timezone,
    )
    gauges = Gauges(
        store=opened.store,
        logs=opened.logs,
        starter=core.starter,
        admission=core.admission,
        engine=core.engine,
        executors=core.edges.executors,
        slots={"thread": limits.threads, "process": limits.processes or cores()},
        sensors=supervisor.sensors.values,
        hub=core.hub,
        events=core.intake.totals,
        late=core.late.told,
        connections=connections,
        clock=core.edges.clock,
        folder=folder,
        counted=telemetry.read,
        flows=telemetry.recorder.flows,
        live=lambda: core.library.live,
    )
    letters = dead_letters(core, outbox_changed)
    pages = Pages(health, guarded=not access.protection.open, mask=core.edges.secrets.mask)
    versions = Versions(opened.store, core.library)
    overview = Overview(
        reading=reading,
        library=core.library,
        admission=core.admission,
        supervisor=supervisor,
        intake=core.intake,
        health=health,
        clock=core.edges.clock,
        loaded=loaded,
        folder=sweeper.folder,
        mask=core.edges.secrets.mask,
    )
    app = build_app(
        operations=operations,
        reading=reading,
        overview=overview,
        deadletters=letters,
        flow_state=FlowStateEditor(
            store=opened.store,
            states=core.states,
            library=core.library,
            under_way=core.engine.under_way,
            secrets=core.edges.secrets,
        ),
        backfills=core.backfills,
        versions=versions,
        reloads=reloads,
        console=Console(
            reading=reading,
            overview=overview,
            operations=operations,
            health=health,
            pages=pages,
            letters=letters,
            tokens=tokens,
            backfills=core.backfills,
            versions=versions,
            mask=core.edges.secrets.mask,
            clock=core.edges.clock,
        ),
        signin=SignIn(access, tokens, pages),
        pages=pages,
        probes=Probes(health, gauges.read),
        streams=Streams(core.hub, connections.limits.streams),
        tokens=tokens,
        protection=access.protection,
        version=version("triphammer"),
    )
    shared = Shared(Routed(app, app.routes), core.hub, anyio.current_time)
    fresh = Fresh(shared)
    doors = Doors(Once(fresh), operations, core.edges.clock, limits.body)
    audit = Audit(opened.store, core.edges.clock)
    guard = Guard(ServerErrorMiddleware(doors, on_defect), access, tokens, audit)
    return FaultPages(guard, pages)


def dead_letters(core: Core, outbox_changed: Callable[[], None]) -> DeadLetters:
    """Dead letters of every kind that there is."""
    store, clock = core.edges.store, core.edges.clock
    redrive = Redrive(
        store=store, library=core.library, starter=core.starter, clock=clock, hub=core.hub
    )
    kinds = (
        DeadRuns(store, redrive),
        DeadEvents(store, redrive),
        DeadMessages(store, clock, outbox_changed),
        DeadRecords(store),
    )
    return DeadLetters(kinds, clock, store.find)
