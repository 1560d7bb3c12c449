"""The figures behind `/metrics`: counted where things happen, read when somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from triphammer.flows.engine.engine import Engine
from triphammer.service.dispatcher.starter import Starter
from triphammer.service.hub import Hub
from triphammer.service.metrics import Metric
from triphammer.service.store.contract import Store
from triphammer.service.store.logs import LogStore
from triphammer.service.web.connections import Connections


class Gauges:
    """Reads the daemon's figures. Labels are bounded: flows, sensors and states only."""

    def __init__(
        self,
        *,
        store: Store,
        logs: LogStore,
        starter: Starter,
        engine: Engine,
        hub: Hub,
        events: Counter[str],
        late: Counter[str],
        connections: Connections,
    ) -> None:
        self._store = store
        self._logs = logs
        self._starter = starter
        self._engine = engine
        self._hub = hub
        self._events = events
        self._late = late
        self._connections = connections

    def _pools(self) -> Sequence[Metric]:
        pools = {n: c for n, c in self._engine.pools().items() if c.slots is not None}
        held = [({"pool": name}, float(count.held)) for name, count in pools.items()]
        waiting = [({"pool": name}, float(count.waiting)) for name, count in pools.items()]
        return [
            Metric("triphammer_pool_slots_held", "gauge", "Slots of a pool that are held.", held),
            Metric("triphammer_pool_waiting", "gauge", "Attempts that wait for slots.", waiting),
        ]

    def _breakers(self) -> Sequence[Metric]:
        breakers = self._engine.breakers()
        is_open = [({"breaker": n}, float(c.state != "closed")) for n, c in breakers.items()]
        waiting = [({"breaker": name}, float(c.waiting)) for name, c in breakers.items()]
        return [
            Metric("triphammer_breaker_open", "gauge", "1: a circuit breaker is open.", is_open),
            Metric("triphammer_breaker_waiting", "gauge", "Attempts it holds back.", waiting),
        ]

    async def read(self) -> Sequence[Metric]:
        """All figures as they stand."""
        runs = [
            ({"flow": flow, "state": state}, float(count))
            for flow, counts in sorted((await self._store.run_counts()).items())
            for state, count in sorted(counts.items())
        ]
        outbox = [
            ({"state": state}, float(count))
            for state, count in sorted((await self._store.outbox_counts()).items())
        ]
        late = [({"flow": flow}, float(n)) for flow, n in sorted(self._late.items())]
        events = [({"sensor": s}, float(n)) for s, n in sorted(self._events.items())]
        return [
            Metric("triphammer_runs", "gauge", "Stored runs by flow and state.", runs),
            Metric("triphammer_events_total", "counter", "Events taken in by sensor.", events),
            Metric("triphammer_outbox_messages", "gauge", "Outgoing messages by state.", outbox),
            _one(
                "triphammer_log_lines_lost_total",
                "Captured lines that were not kept.",
                self._logs.dropped,
                type="counter",
            ),
            _one("triphammer_runs_active", "Runs under way.", self._engine.active),
            _one(
                "triphammer_attempts_abandoned",
                "Attempts that were to end and whose code goes on.",
                len(self._engine.abandoned),
            ),
            _one("triphammer_runs_queued", "Runs that wait for a place.", self._starter.queued),
            _one("triphammer_stream_listeners", "Open live streams.", self._hub.listeners),
            *self._pools(),
            *self._breakers(),
            Metric("triphammer_runs_late_total", "counter", "Runs past their deadline.", late),
            *self._connections.figures(),
        ]


def _one(name: str, help: str, value: float, *, type: str = "gauge") -> Metric:
    return Metric(name, type, help, [({}, float(value))])
