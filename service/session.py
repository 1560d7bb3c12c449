"""A session: every part at the table between one opening of the store and its closing.

Store, dispatcher, sensors and doors start in this order; the stop closes intake first, drains,
and closes the store last.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from random import Random

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from starlette.types import ASGIApp

from triphammer.config.address import listening_at
from triphammer.config.clock import SystemClock
from triphammer.config.loading import LoadedSettings
from triphammer.config.secrets import Secrets
from triphammer.config.source import SensorSpec
from triphammer.flows.capture import Capture, capturing
from triphammer.flows.context import TaskContext
from triphammer.flows.executors.contract import Executor, ExecutorContext, Stalled
from triphammer.flows.executors.flow_loop import FlowLoop
from triphammer.flows.executors.processes.groups import mark_of, sweep
from triphammer.flows.executors.registry import executors_on_demand
from triphammer.flows.executors.watchdog import LockWatch
from triphammer.sensors.contract import SensorContext
from triphammer.service.access.standing import Access
from triphammer.service.access.tokens import Tokens
from triphammer.service.announcement import Announcement, announcement, status_line
from triphammer.service.application import application
from triphammer.service.claims import ClaimWorker
from triphammer.service.disk import DiskWatch
from triphammer.service.dispatcher.underway import Underway, open_underway
from triphammer.service.env_builds import EnvBuilds
from triphammer.service.health import Health
from triphammer.service.hub import Hub, News
from triphammer.service.last_words import last_words
from triphammer.service.loading import Loaded, load
from triphammer.service.outbox.showing import Show, showing
from triphammer.service.outbox.worker import OutboxWorker
from triphammer.service.parts import Core, Edges
from triphammer.service.reloads.asking import Reloaded, Reloads
from triphammer.service.reloads.broken import BrokenFlows
from triphammer.service.reloads.reloader import Reloader, difference, leftovers
from triphammer.service.retention import Sweeper
from triphammer.service.store.layout import LAST_WORDS, UNDERWAY, WORK
from triphammer.service.store.opening import Opened, open_folder
from triphammer.service.supervisor import Supervisor
from triphammer.service.systemd import Systemd
from triphammer.service.telemetry.telemetry import Telemetry
from triphammer.service.web.connections import Connections
from triphammer.service.web.front import Front

Announce = Callable[[Announcement], None]
OUTBOX_SECONDS = 5.0
"""How long deliveries under way may take at the stop, after the tasks."""
STOP_SECONDS = 20.0
"""What the stop may take besides the grace time: deliveries, open requests, the store."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands for the life of the process, whatever becomes of the store."""

    loaded: LoadedSettings
    secrets: Secrets
    front: Front
    access: Access
    health: Health
    connections: Connections
    port: int
    systemd: Systemd
    log: logging.Logger
    telemetry: Telemetry
    show: Show | None = None
    """Shows what goes out, instead of sending it."""

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.loaded.root / self.loaded.settings.store.data


class Session:
    """The daemon between one opening of the store and its closing."""

    def __init__(self, standing: Standing, flows: Loaded | None) -> None:
        self._loaded = standing.loaded
        self._secrets = standing.secrets
        self._front = standing.front
        self._access = standing.access
        self._connections = standing.connections
        self._port = standing.port
        self._systemd = standing.systemd
        self._log = standing.log
        self._telemetry = standing.telemetry
        self._show = standing.show
        self._clock = SystemClock()
        self._random = Random()
        self._folder = standing.folder
        self._health = standing.health
        self._health.tell(self._part_changed)
        self._hub: Hub | None = None
        self._news: Announcement | None = None
        self._failed = anyio.Event()
        self._notified: dict[str, Callable[[], None]] = {}
        self.store_error: Exception | None = None
        self.began = False
        """It has served."""
        self.flows = flows
        """Those in service. The next session goes on with them: whatever keeps the store from
        being opened may keep flow files from being read."""

    async def run(self, stop: anyio.Event, reloads: Reloads, announce: Announce) -> None:
        """Serve until `stop` or until the store fails (`store_error`)."""
        async with (
            open_folder(
                self._folder,
                failed=self._store_failed,
                published=self._published,
                committed=self._telemetry.recorder.committed,
            ) as opened,
            anyio.create_task_group() as stores,
        ):
            await stores.start(opened.run)
            self._systemd.watch(opened.store.answer)
            try:
                await self._serve(opened, stop, reloads, announce)
            finally:
                # From here on nothing answers until the store is closed: a close that hangs
                # must not be fed.
                self._systemd.watch(anyio.sleep_forever)
                self._news = None
                opened.close()

    def _store_failed(self, error: Exception) -> None:
        self.store_error = self.store_error or error
        self._health.report("store", str(error), essential=True)
        self._failed.set()

    def _outbox_trouble(self, target: str, reason: str | None) -> None:
        if reason is None:
            self._health.forget(f"outbox to {target}")
        else:
            self._health.report(f"outbox to {target}", reason)

    def _part_changed(self, name: str) -> None:
        if self._hub is not None:
            self._hub.publish([News("part", name)])
        if self._news is not None:
            self._systemd.status(self._status(self._news))

    def _status(self, news: Announcement) -> str:
        return status_line(news.url, len(self._core.library.live), self._health.parts().values())

    def _published(self, run: str) -> None:
        self._core.hub.publish([News("task", run, self._core.active.flow_of(run))])

    async def _serve(
        self, opened: Opened, stop: anyio.Event, reloads: Reloads, announce: Announce
    ) -> None:
        settings = self._loaded.settings
        capture = Capture(
            opened.logs.sink, self._secrets, self._clock.now, settings.limits.log_lines
        )
        with ExitStack() as stack:
            ended = stack.enter_context(capturing(capture))
            self._folder_id = await opened.store.folder_id()
            context_of = partial(self._executor_context, opened, capture, ended)
            flow_loop = self._flow_loop = FlowLoop.build(context_of("async"))
            executors = {**executors_on_demand(context_of, self._clock.now), "async": flow_loop}
            underway = self._open_underway(stack, settings.limits.active_runs)
            self._core = self._build_core(opened, executors, underway)
            self._hub = self._core.hub
            self._health.report("flow loop", None)
            async with anyio.create_task_group() as group:
                await group.start(capture.run)
                await group.start(DiskWatch(self._folder, self._health).run)
                if sys.__stderr__ is not None:
                    await group.start(LockWatch(sys.__stderr__).run)
                await anyio.to_thread.run_sync(sweep, mark_of(self._folder))
                for name, executor in executors.items():
                    await group.start(executor.run, name=f"executor {name}")
                await self._run_parts(group, opened, stop, reloads, announce)
                group.cancel_scope.cancel()

    def _executor_context(
        self, opened: Opened, capture: Capture, ended: Callable[[TaskContext], None], name: str
    ) -> ExecutorContext:
        return ExecutorContext(
            now=self._clock.now,
            settings=self._loaded.settings,
            secrets=self._secrets,
            artifacts=opened.artifacts,
            ended=ended,
            lines=capture.add_lines,
            stall=self._stalled,
            ready=partial(self._health.report, f"executor {name}"),
            folder=self._folder,
            folder_id=self._folder_id,
            log=self._log.getChild(name),
            lag=self._telemetry.lag.flow_loop,
        )

    def _open_underway(self, stack: ExitStack, slots: int) -> Underway:
        server = self._loaded.settings.server
        secure = server.tls_cert is not None
        stack.enter_context(listening_at(self._folder, server.host, self._port, secure=secure))
        words = stack.enter_context(last_words(self._folder / LAST_WORDS))
        if words:
            self._log.error("the process before ended with: %s", words)
        table = open_underway(self._folder / UNDERWAY, slots, fatal=bool(words))
        return stack.enter_context(table)

    def _build_core(
        self, opened: Opened, executors: Mapping[str, Executor], underway: Underway
    ) -> Core:
        edges = Edges(
            store=opened.store,
            artifacts=opened.artifacts,
            clock=self._clock,
            executors=executors,
            secrets=self._secrets,
            random=self._random,
            root=self._loaded.root,
            workdir=self._folder / WORK,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            notify=self._notify,
            on_store_error=self._store_failed,
            underway=underway,
            observers=(self._telemetry.recorder, *self._telemetry.tracing.observers),
            carrier=self._telemetry.tracing.carrier,
        )
        return Core(edges, self._loaded.settings, self._log)

    def _notify(self, what: str) -> None:
        self._notified[what]()

    async def _run_parts(
        self,
        group: TaskGroup,
        opened: Opened,
        stop: anyio.Event,
        reloads: Reloads,
        announce: Announce,
    ) -> None:
        core, settings = self._core, self._loaded.settings
        outbox = OutboxWorker(
            store=opened.store,
            settings=settings,
            secrets=self._secrets,
            clock=self._clock,
            random=self._random,
            log=self._log,
            settled=core.engine.delivered,
            trouble=self._outbox_trouble,
            courier=None if self._show is None else showing(self._show),
            observers=core.edges.observers,
            carrier=core.edges.carrier,
        )
        claims = ClaimWorker(store=opened.store, log=self._log)
        self._sweeper = Sweeper(
            store=opened.store,
            logs=opened.logs,
            artifacts=opened.artifacts,
            workdir=core.edges.workdir,
            settings=settings.retention,
            clock=self._clock,
            log=self._log,
        )
        self._notified = {
            "outbox": outbox.notify,
            "dead letters": outbox.notify_acted,
            "claims": claims.notify,
        }
        self._supervisor = Supervisor(
            make_context=self._sensor_context,
            health=self._health,
            random=self._random,
            log=self._log,
        )
        flows = self.flows = self.flows or await load(
            self._loaded, last={}, recall=core.library.last_good
        )
        await core.put_into_service(flows.flows)
        await group.start(core.engine.run)
        taken_up = await core.recover()
        if taken_up:
            self._log.info("%d runs are taken up again", taken_up)
        await group.start(core.starter.run)
        await group.start(core.waker.run)
        await group.start(outbox.run)
        await group.start(claims.run)
        await group.start(core.filler.run)
        await group.start(self._sweeper.run)
        await group.start(self._supervisor.run)
        self._envs = EnvBuilds(self._folder, self._loaded.root, self._log.getChild("envs"))
        await group.start(self._envs.run)
        self._envs.want(flows.flows.values())
        core.dispatcher.open()
        self._broken_flows = BrokenFlows(core.dispatcher, self._clock, self._log)
        await self._report_flows(flows)
        self._supervisor.remember_paused(await opened.store.paused_sensors())
        await self._supervisor.apply(flows.specs)
        tokens = await Tokens.load(opened.store, self._clock)
        async with self._front.serving(self._application(opened, tokens, reloads)):
            try:
                self._health.report("store", None, essential=True)
                news = announcement(
                    self._loaded,
                    flows,
                    self._port,
                    version("triphammer"),
                    guarded=not self._access.protection.open,
                )
                self._news = news
                announce(news)
                self._systemd.ready(self._status(news))
                self.began = True
                reloader = Reloader(
                    reloads,
                    reload=self._reload,
                    mode=settings.flows.reload,
                    root=self._loaded.root,
                    log=self._log,
                )
                group.start_soon(reloader.run, flows, name="reloads")
                await self._until(stop)
                await self._stop(outbox)
            finally:  # a live stream would hold up the front
                core.hub.close()

    async def _until(self, stop: anyio.Event) -> None:
        """Return when the daemon is to stop or the store has failed."""
        async with anyio.create_task_group() as waiting:

            async def one(event: anyio.Event) -> None:
                await event.wait()
                waiting.cancel_scope.cancel()

            waiting.start_soon(one, stop)
            waiting.start_soon(one, self._failed)

    async def _stop(self, outbox: OutboxWorker) -> None:
        """Intake first, then what is under way; doors and store are closed after it."""
        self._news = None
        self._health.report("daemon", "stopping", essential=True)
        self._core.edges.underway.end_all()
        self._core.dispatcher.close("the daemon is stopping")
        if self.store_error is None:
            await self._drain(outbox)
        else:
            await self._supervisor.stop()

    async def _drain(self, outbox: OutboxWorker) -> None:
        """End what is under way within the grace time, and say what is left, a line each."""
        grace, log = self._loaded.settings.server.drain.total_seconds(), self._log
        log.info("stopping: up to %g s for what is under way; a second signal ends at once", grace)
        self._systemd.stopping(grace + STOP_SECONDS)
        await self._supervisor.stop()
        for run, task, _ in await self._core.engine.drain(grace):
            log.warning("left: task %s of run %s; it begins again at the next start", task, run)
        undelivered = await outbox.drain(min(grace, OUTBOX_SECONDS))
        if undelivered:
            log.warning("left: %d deliveries under way; sent again after the start", undelivered)
        if queued := self._core.starter.queued:
            log.warning("left: %d queued runs; they begin after the next start", queued)

    # --- flows --------------------------------------------------------------------------------

    async def _reload(self, still: Callable[[], bool]) -> tuple[Loaded, Reloaded] | None:
        """Load the flows again and put them into service, all at once, if they are `still` to be
        then."""
        before = self._core.library.live
        flows = await load(self._loaded, last=before)
        if not still():
            return None
        self._systemd.reloading()
        await self._core.put_into_service(flows.flows)
        self._envs.want(flows.flows.values())
        self.flows = flows
        await self._supervisor.apply(flows.specs)
        notes = await self._report_flows(flows)
        self._core.hub.publish([News("flow", name, name, "live") for name in flows.flows])
        gone = before.keys() - flows.flows.keys()
        self._core.hub.publish([News("flow", name, name, "removed") for name in sorted(gone)])
        if self._news is not None:
            self._systemd.ready(self._status(self._news))
        return flows, difference(before, flows, notes)

    async def _report_flows(self, flows: Loaded) -> Sequence[str]:
        """Tell of all that is wrong with `flows`; what is noted of those that are no more."""
        for error in flows.errors:
            self._log.error("%s", error)
        for warning in flows.warnings:
            self._log.warning("%s", warning)
        reason = "; ".join(str(error) for error in flows.errors) or None
        self._health.report("flows", reason)
        self._core.library.wrong = flows.wrong
        self._core.library.errors = [str(error) for error in flows.errors]
        await self._broken_flows.tell(flows.errors)
        notes = leftovers(flows.flows, self._core.starter.queued_flows(), self._core.admission)
        for note in notes:
            self._log.warning("%s", note)
        return notes

    def _stalled(self, stalled: Stalled | None) -> None:
        if stalled is None:
            self._health.report("flow loop", None)
            self._log.info("the flow loop goes on")
            return
        self._health.report("flow loop", stalled.text)
        self._log.warning("%s (run %s)", stalled.text, stalled.run)

    # --- edges ---------------------------------------------------------------------------------

    def _application(self, opened: Opened, tokens: Tokens, reloads: Reloads) -> ASGIApp:
        return application(
            self._core,
            opened,
            loaded=self._loaded,
            access=self._access,
            tokens=tokens,
            reloads=None if self._loaded.settings.flows.reload == "off" else reloads,
            supervisor=self._supervisor,
            sweeper=self._sweeper,
            health=self._health,
            connections=self._connections,
            telemetry=self._telemetry,
            folder=self._folder,
            limits=self._loaded.settings.limits,
            outbox_changed=partial(self._notify, "dead letters"),
        )

    def _sensor_context(
        self, spec: SensorSpec, ready: Callable[[str | None], None]
    ) -> SensorContext:
        core = self._core
        return SensorContext(
            spec=spec,
            emit=partial(core.dispatcher.emit, spec.id),
            positions=partial(core.edges.store.positions, spec.id),
            clock=self._clock,
            settings=self._loaded.settings,
            secrets=self._secrets,
            root=self._loaded.root,
            folder_id=self._folder_id,
            ready=ready,
            call=self._flow_loop.call,
            congested=lambda: core.dispatcher.congested,
            log=self._log.getChild(spec.kind),
        )
