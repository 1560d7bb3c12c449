"""The daemon of a simulation: everything but the edges, on stores that outlive its restarts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from inspect import isawaitable
from pathlib import Path
from random import Random
from typing import Any

import anyio
from anyio.abc import TaskGroup

from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.config.source import SensorSpec
from triphammer.flows.graph import FlowDef
from triphammer.sensors.contract import SensorContext
from triphammer.service.claims import ClaimWorker
from triphammer.service.health import Health
from triphammer.service.local import Local, Surroundings, serve_here, with_memory
from triphammer.service.operations import Operations
from triphammer.service.outbox.worker import OutboxWorker
from triphammer.service.retention import Sweeper
from triphammer.service.store.opening import Opened
from triphammer.service.supervisor import Supervisor, wanted_specs
from triphammer.testing.clock import VirtualClock
from triphammer.testing.outside import Outside
from triphammer.testing.script import Script

OWN_KINDS = ("timer", "custom", "webhook")
"""Sensors that need nothing from outside; tests stand in for the others."""
_log = logging.getLogger("triphammer")


class SimulatedDaemon:
    """Serves `flows` until `stop`; between `kill` and `revive` nothing runs.

    `local` and `operations` are those of the session that is under way, None between two.
    """

    def __init__(
        self,
        flows: Mapping[str, FlowDef],
        *,
        clock: VirtualClock,
        secrets: Secrets,
        settings: Settings,
        root: Path,
        seed: int,
        script: Script,
        outside: Outside,
    ) -> None:
        self.flows = flows
        self.specs = wanted_specs(flows.values())
        self.work: Path | None = None
        self.local: Local | None = None
        self.operations: Operations | None = None
        self._clock = clock
        self._secrets = secrets
        self._settings = settings
        self._random = Random(seed)
        self._script = script
        self._outside = outside
        self._notified: dict[str, Callable[[], None]] = {}
        self._stopped = False
        self._leave = anyio.Event()
        self._alive = anyio.Event()
        self._around = Surroundings(
            clock=clock,
            make_executors=script.executors,
            secrets=secrets,
            settings=settings,
            root=root,
            random=self._random,
            notify=self._notify,
            deliveries=True,
        )

    async def run(self) -> None:
        """Serve, over all restarts."""
        self._alive.set()
        await with_memory(self._sessions)

    def kill(self) -> None:
        """End the session as a crash does: nothing of what is under way is stored."""
        local = self.local
        if local is not None:
            for executor in local.core.edges.executors.values():
                executor.bind(lambda _: None)
        self._alive = anyio.Event()
        self._leave.set()

    def revive(self) -> None:
        """Begin the next session."""
        self._alive.set()

    def stop(self) -> None:
        """End for good."""
        self._stopped = True
        self._leave.set()
        self._alive.set()

    async def _sessions(self, opened: Opened, work: Path) -> None:
        self.work = work
        (work / "runs").mkdir()
        while not self._stopped:
            await self._alive.wait()
            self._leave = anyio.Event()
            if not self._stopped:
                await serve_here(opened, work / "runs", self.flows, self._serve, self._around)
            self.local = self.operations = None

    async def _serve(self, local: Local) -> None:
        core = local.core
        outbox = OutboxWorker(
            store=local.store,
            settings=self._settings,
            secrets=self._secrets,
            clock=self._clock,
            random=self._random,
            log=_log,
            settled=core.engine.delivered,
            trouble=lambda _target, _reason: None,
            courier=self._outside,
            breath=0,
        )
        self._notified = {"outbox": outbox.notify}
        async with anyio.create_task_group() as group:
            await group.start(outbox.run)
            if any(spec.kind == "files" for spec in self.specs.values()):
                claims = ClaimWorker(store=local.store, log=_log)
                self._notified["claims"] = claims.notify
                await group.start(claims.run)
            supervisor = await self._start_sensors(group, local)
            self.local, self.operations = local, self._operations(local, supervisor)
            await self._leave.wait()
            group.cancel_scope.cancel()

    def _notify(self, what: str) -> None:
        notify = self._notified.get(what)
        if notify is not None:
            notify()

    async def _start_sensors(self, group: TaskGroup, local: Local) -> Supervisor:
        supervisor = Supervisor(
            make_context=partial(self._sensor_context, local),
            health=Health(self._clock.now),
            random=self._random,
            log=_log,
        )
        await group.start(supervisor.run)
        await supervisor.apply({i: s for i, s in self.specs.items() if s.kind in OWN_KINDS})
        return supervisor

    def _sensor_context(
        self, local: Local, spec: SensorSpec, ready: Callable[[str | None], None]
    ) -> SensorContext:
        return SensorContext(
            spec=spec,
            emit=partial(local.core.dispatcher.emit, spec.id),
            positions=partial(local.store.positions, spec.id),
            clock=self._clock,
            settings=self._settings,
            secrets=self._secrets,
            root=self._around.root,
            folder_id="simulated",
            ready=ready,
            call=_call_here,
            congested=lambda: False,
            log=_log,
        )

    def _operations(self, local: Local, supervisor: Supervisor) -> Operations:
        core = local.core
        sweeper = Sweeper(
            store=local.store,
            logs=local.opened.logs,
            artifacts=local.opened.artifacts,
            workdir=core.edges.workdir,
            settings=self._settings.retention,
            clock=self._clock,
            log=_log,
        )
        return Operations(
            store=local.store,
            library=core.library,
            dispatcher=core.dispatcher,
            starter=core.starter,
            admission=core.admission,
            engine=core.engine,
            supervisor=supervisor,
            clock=self._clock,
            hub=core.hub,
            sweeper=sweeper,
            retry=core.retry,
            marking=core.marking,
            approvals=core.approvals,
        )


async def _call_here(function: Callable[..., Any], *args: Any) -> Any:
    value = function(*args)
    return await value if isawaitable(value) else value
