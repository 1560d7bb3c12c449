"""The figures behind `/metrics` that are read when somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from triphammer.config.clock import Clock
from triphammer.flows.engine.engine import Engine
from triphammer.flows.executors.contract import Executor
from triphammer.sensors.contract import Lagging, Sensor
from triphammer.service.dispatcher.admission import Admission
from triphammer.service.dispatcher.starter import Starter
from triphammer.service.hub import Hub
from triphammer.service.metrics import Figures, Metric
from triphammer.service.store.contract import Store
from triphammer.service.store.layout import DATABASE
from triphammer.service.store.logs import LogStore
from triphammer.service.telemetry import families
from triphammer.service.telemetry.names import OTHER, Names
from triphammer.service.web.connections import Connections

PARTITIONS = 200
"""Partitions that are told each by itself; the others together."""


class Gauges:
    """Reads the daemon's figures for one opening of the store.

    `counted` are the counters of the process; `sensors` those that run now. `slots` is how many
    attempts an executor runs at once, where that is limited. `folder` is the data folder,
    `live` are the flows in service.
    """

    def __init__(
        self,
        *,
        store: Store,
        logs: LogStore,
        starter: Starter,
        admission: Admission,
        engine: Engine,
        executors: Mapping[str, Executor],
        slots: Mapping[str, int],
        sensors: Callable[[], Iterable[Sensor]],
        hub: Hub,
        events: Counter[str],
        late: Counter[str],
        connections: Connections,
        clock: Clock,
        folder: Path,
        counted: Callable[[], Sequence[Figures]],
        flows: Names,
        live: Callable[[], Iterable[str]],
    ) -> None:
        self._store = store
        self._logs = logs
        self._starter = starter
        self._admission = admission
        self._engine = engine
        self._executors = executors
        self._slots = slots
        self._sensors = sensors
        self._hub = hub
        self._events = events
        self._sensor_names = Names()
        self._late = late
        self._connections = connections
        self._clock = clock
        self._folder = folder
        self._counted = counted
        self._flows = flows
        self._live = live

    async def read(self) -> Sequence[Figures]:
        """All figures as they stand."""
        for flow in self._live():  # before those of which only runs are left
            self._flows.of(flow)
        runs: Counter[tuple[str, ...]] = Counter()
        for flow, counts in (await self._store.run_counts()).items():
            for state, count in counts.items():
                runs[self._flows.of(flow), state] += count
        outbox = {(s,): float(n) for s, n in (await self._store.outbox_counts()).items()}
        oldest = await self._store.outbox_oldest()
        waits = 0.0 if oldest is None else max(0.0, (self._clock.now() - oldest) / 1e6)
        return (
            *self._counted(),
            families.EVENTS.of(_bounded(self._events, self._sensor_names)),
            families.RUNS.of(runs),
            families.RUNS_LATE.of(_bounded(self._late, self._flows)),
            families.OUTBOX.of(outbox),
            families.OUTBOX_OLDEST.one(waits),
            *self._work(),
            families.KAFKA_LAG.of(lag_figures(self._sensors())),
            *self._stored(),
            *self._connections.figures(),
        )

    def _work(self) -> Iterator[Metric]:
        yield families.RUNS_ACTIVE.one(self._engine.active)
        yield families.RUNS_LIMIT.one(self._admission.limit)
        yield families.RUNS_QUEUED.one(self._starter.queued)
        yield families.ABANDONED.one(len(self._engine.abandoned))
        yield families.STREAMS.one(self._hub.listeners)
        running = {(name,): float(one.running) for name, one in self._executors.items()}
        yield families.EXECUTOR_RUNNING.of(running)
        yield families.EXECUTOR_SLOTS.of({(n,): float(s) for n, s in self._slots.items()})
        pools = {(n,): c for n, c in self._engine.pools().items() if c.slots is not None}
        yield families.POOL_HELD.of({name: c.held for name, c in pools.items()})
        yield families.POOL_SLOTS.of({name: c.slots or 0 for name, c in pools.items()})
        yield families.POOL_WAITING.of({name: c.waiting for name, c in pools.items()})
        breakers = {(name,): c for name, c in self._engine.breakers().items()}
        yield families.BREAKER_OPEN.of({n: float(c.state != "closed") for n, c in breakers.items()})
        yield families.BREAKER_WAITING.of({n: float(c.waiting) for n, c in breakers.items()})

    def _stored(self) -> Iterator[Metric]:
        yield families.LOG_LINES_LOST.one(self._logs.dropped)
        yield families.DATABASE_BYTES.one(_size(self._folder / DATABASE))
        yield families.WAL_BYTES.one(_size(self._folder / f"{DATABASE}-wal"))


def _bounded(counts: Mapping[str, int], names: Names) -> Mapping[tuple[str, ...], float]:
    told: Counter[tuple[str, ...]] = Counter()
    for name, count in sorted(counts.items()):
        told[names.of(name),] += count
    return told


def lag_figures(sensors: Iterable[object]) -> Mapping[tuple[str, ...], float]:
    """Records behind, by topic and partition, of those sensors that know."""
    found = chain.from_iterable(s.lag().items() for s in sensors if isinstance(s, Lagging))
    told: Counter[tuple[str, ...]] = Counter()
    for number, ((topic, partition), records) in enumerate(sorted(found)):
        alone = number < PARTITIONS
        told[(topic, str(partition)) if alone else (OTHER, OTHER)] += records
    return told


def _size(file: Path) -> int:
    """Bytes of a file; 0 where it is not there."""
    try:
        return file.stat().st_size
    except OSError:
        return 0
