"""Runs the sensors: each on its own, restarted with backoff, none able to harm another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random

import anyio
from anyio.abc import TaskGroup, TaskStatus

from triphammer.config.errors import TriphammerError
from triphammer.config.source import SensorSpec
from triphammer.config.trace_context import current_trace
from triphammer.flows.graph import FlowDef
from triphammer.sensors.contract import Sensor, SensorContext
from triphammer.sensors.errors import SourceError
from triphammer.sensors.registry import sensor_kind
from triphammer.service.backoff import CALM_SECONDS, restart_delay
from triphammer.service.health import Health

START_SECONDS = 2.0
"""How long new sensors are waited for together."""

PAUSED = "paused by somebody: it takes nothing until it is resumed"

MakeContext = Callable[[SensorSpec, Callable[[str | None], None]], SensorContext]


def wanted_specs(flows: Iterable[FlowDef]) -> Mapping[str, SensorSpec]:
    """The sensors that `flows` need, by id; specs of one sensor merged by its class.

    Raises `SourceError` when flows contradict each other; the error names them.
    """
    groups: dict[str, list[SensorSpec]] = {}
    users: dict[str, list[str]] = {}
    for flow in flows:
        for source in flow.on:
            spec = source.spec(flow.name)
            if spec is not None:
                groups.setdefault(spec.id, []).append(spec)
                users.setdefault(spec.id, []).append(flow.name)
    return {id: _merge(specs, users[id]) for id, specs in groups.items()}


def _merge(specs: Sequence[SensorSpec], flows: Sequence[str]) -> SensorSpec:
    try:
        return sensor_kind(specs[0].kind).merge(specs)
    except SourceError as error:
        names = ", ".join(dict.fromkeys(flows))
        raise SourceError(f"{error} (flows: {names})") from error


class Supervisor:
    """Starts, restarts and stops sensors so that exactly the wanted ones run.

    `sensors` are the built ones by id, for those that need to be reached (webhooks).
    """

    def __init__(
        self,
        *,
        make_context: MakeContext,
        health: Health,
        random: Random,
        log: logging.Logger,
    ) -> None:
        self._make_context = make_context
        self._health = health
        self._random = random
        self._log = log
        self._specs: dict[str, SensorSpec] = {}
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._ended: dict[str, anyio.Event] = {}
        self._tried: dict[str, anyio.Event] = {}
        self._wanted: Mapping[str, SensorSpec] = {}
        self._paused: set[str] = set()
        self._group: TaskGroup | None = None
        self._alone = anyio.Lock()
        self._stopped = False
        self.sensors: dict[str, Sensor] = {}

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Hold the sensors until cancelled."""
        async with anyio.create_task_group() as group:
            self._group = group
            task_status.started()
            await anyio.sleep_forever()

    async def apply(self, specs: Mapping[str, SensorSpec]) -> None:
        """Make `specs` the sensors that run: stop those no longer wanted, then start new ones.

        A sensor whose options have changed is stopped first: two of one kind on one source
        would both emit. What it has not stored is found again by its positions. After `stop`
        nothing is started.
        """
        async with self._alone:
            if not self._stopped:
                await self._apply(specs)

    @property
    def wanted(self) -> Mapping[str, SensorSpec]:
        """The sensors that the flows need, by id; those that are paused do not run."""
        return self._wanted

    @property
    def paused(self) -> frozenset[str]:
        """The ids of the paused sensors, also of some that are not wanted now."""
        return frozenset(self._paused)

    def remember_paused(self, ids: Iterable[str]) -> None:
        """Begin with these paused, before the first `apply`."""
        self._paused.update(ids)

    async def pause(self, id: str) -> None:
        """Let a sensor take nothing until it is resumed, also after it was changed or taken away
        and is wanted again. It does not run: what happens meanwhile waits at the source, and is
        found again by its positions."""
        async with self._alone:
            self._paused.add(id)
            if not self._stopped:
                await self._apply(self._wanted)

    async def resume(self, id: str) -> None:
        """Let a sensor go on, if it is wanted."""
        async with self._alone:
            self._paused.discard(id)
            if not self._stopped:
                await self._apply(self._wanted)

    async def settled(self) -> None:
        """Return when no sensors are just being stopped or started."""
        async with self._alone:
            return

    async def stop(self) -> None:
        """Stop every sensor for good and wait for each to end."""
        self._stopped = True
        async with self._alone:
            await self._apply({})

    async def _apply(self, wanted: Mapping[str, SensorSpec]) -> None:
        for id in self._wanted.keys() - wanted.keys() - self._specs.keys():
            self._health.forget(f"sensor {id}")
        self._wanted = wanted
        specs = {id: spec for id, spec in wanted.items() if id not in self._paused}
        gone = [id for id, old in self._specs.items() if specs.get(id) != old]
        for id in gone:
            self._scopes[id].cancel()
        for id in gone:
            await self._ended[id].wait()
            self._forget(id)
        for id in wanted.keys() & self._paused:
            self._health.report(f"sensor {id}", PAUSED)
        new = [spec for id, spec in specs.items() if id not in self._specs]
        for spec in new:
            self._start(spec)
        # What is announced as up should be so; a sensor that hangs must not hold up the rest.
        with anyio.move_on_after(START_SECONDS):
            for spec in new:
                await self._tried[spec.id].wait()

    def _start(self, spec: SensorSpec) -> None:
        if self._group is None:
            raise RuntimeError("Supervisor.run must have been started first")
        self._specs[spec.id] = spec
        self._scopes[spec.id] = anyio.CancelScope()
        self._ended[spec.id] = anyio.Event()
        self._tried[spec.id] = anyio.Event()
        self._health.report(f"sensor {spec.id}", "starting")
        self._group.start_soon(self._keep, spec, name=f"sensor {spec.id}")

    def _forget(self, id: str) -> None:
        for table in (self._specs, self._scopes, self._ended, self._tried, self.sensors):
            table.pop(id, None)
        self._health.forget(f"sensor {id}")

    async def _keep(self, spec: SensorSpec) -> None:
        ended = self._ended[spec.id]
        current_trace.set("")  # it outlives the request that had it started
        try:
            with self._scopes[spec.id]:
                await self._restart_forever(spec)
        finally:
            ended.set()

    async def _restart_forever(self, spec: SensorSpec) -> None:
        failures = 0
        while True:
            began = anyio.current_time()
            reason = await self._run_once(spec)
            calm = anyio.current_time() - began > CALM_SECONDS
            failures = 1 if calm else failures + 1
            delay = restart_delay(failures, self._random)
            self._health.failed(f"sensor {spec.id}", reason)
            self._tried[spec.id].set()
            self._log.error("sensor %s failed: %s; again in %.1f s", spec.id, reason, delay)
            await anyio.sleep(delay)

    async def _run_once(self, spec: SensorSpec) -> str:
        """Run the sensor until it ends; the reason why it did."""
        name = f"sensor {spec.id}"

        reason = "it ended by itself"

        def ready(reason: str | None) -> None:
            self._health.report(name, reason)

        try:
            sensor = sensor_kind(spec.kind).build(self._make_context(spec, ready))
            self.sensors[spec.id] = sensor
            async with anyio.create_task_group() as group:
                await group.start(sensor.run)
                ready(self._not_working(name))
                self._tried[spec.id].set()
        except* TriphammerError as errors:
            reason = _text(errors)
        # Seam to plug-in code: whatever one sensor raises must not end the others.
        except* Exception as errors:  # noqa: BLE001
            self._log.exception("sensor %s", spec.id)
            reason = _text(errors)
        return reason

    def _not_working(self, name: str) -> str | None:
        """What the sensor itself reported before it said that it has started, if anything."""
        part = self._health.parts().get(name)
        return None if part is None or part.reason == "starting" else part.reason


def _text(errors: BaseExceptionGroup[BaseException]) -> str:
    first: BaseException = errors.exceptions[0]
    while isinstance(first, BaseExceptionGroup):
        inner: BaseExceptionGroup[BaseException] = first  # pyright: ignore[reportUnknownVariableType] - narrowed to a group of unknown
        first = inner.exceptions[0]
    text = str(first)
    return text if isinstance(first, TriphammerError) else f"{type(first).__name__}: {text}"
