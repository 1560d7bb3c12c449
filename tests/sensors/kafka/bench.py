"""Runs Kafka sensors against a recorder that stays over restarts, as the store does."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from tests.kafka.cluster import new_name
from tests.sensors.harness import Recorder, call
from triphammer.config.clock import SystemClock
from triphammer.config.secrets import Secrets
from triphammer.config.settings import KafkaSettings, Settings
from triphammer.config.source import Source
from triphammer.sensors.contract import Accepted, DeadRecord, Emission, SensorContext
from triphammer.sensors.event import Event
from triphammer.sensors.kafka.records import RECORD
from triphammer.sensors.kafka.sensor import KafkaSensor
from triphammer.sensors.kafka.tuning import Tuning

# A short session: a member that a test drops is noticed soon.
QUICK = Tuning(
    poll_time=0.05,
    patience=0.1,
    keep_alive=0.1,
    watch_every=0.1,
    silence=2.0,
    metadata_age_ms=300,
    session_timeout_ms=6_000,
)


class Tally:
    """How many events several daemons have taken in together."""

    def __init__(self) -> None:
        self.count = 0
        self._news = anyio.Event()

    def add(self, count: int) -> None:
        self.count += count
        self._news.set()
        self._news = anyio.Event()

    async def reaches(self, count: int) -> None:
        while self.count < count:
            await self._news.wait()


class Daemon(Recorder):
    """One installation: its store, and the gate that back-pressure closes."""

    def __init__(self, folder_id: str | None = None, tally: Tally | None = None) -> None:
        super().__init__()
        self.tally = tally or Tally()
        # Each has a group of its own, as each data folder has.
        self.folder_id = folder_id or new_name("folder")
        self.dead: list[DeadRecord] = []
        self.waiting = anyio.Event()
        self.gate: anyio.Event | None = None
        self._reported = anyio.Event()

    async def emit(self, emission: Emission, *, wait: bool = True) -> Sequence[Accepted]:
        if self.gate is not None:
            self.waiting.set()
            await self.gate.wait()
        self.dead.extend(emission.dead)
        accepted = await super().emit(emission, wait=wait)
        self.tally.add(sum(not each.duplicate for each in accepted))
        return accepted

    def close_gate(self) -> None:
        """Emissions wait from now on."""
        self.gate = anyio.Event()

    def open_gate(self) -> None:
        assert self.gate is not None
        self.gate.set()
        self.gate = None

    def ready(self, reason: str | None) -> None:
        self.reasons.append(reason)
        self._reported.set()
        self._reported = anyio.Event()

    async def wait_reason(self, condition: Callable[[str | None], bool]) -> str | None:
        """Wait until the last reported reason is such; that reason."""
        while not condition(self.reason):
            await self._reported.wait()
        return self.reason

    async def wait_ready(self) -> None:
        await self.wait_reason(lambda reason: reason is None)

    def records(self) -> list[Event]:
        """The records among the events."""
        return [event for event in self.events if event.type == RECORD]

    def findings(self) -> list[Event]:
        """The events about the topics themselves."""
        return [event for event in self.events if event.type != RECORD]

    def offsets(self, partition: int = 0) -> list[int]:
        """The offsets taken in of a partition, in the order they came."""
        at = [e.extensions for e in self.records()]
        return [x["offset"] for x in at if x["partition"] == partition]

    def emitted_in_all(self) -> int:
        """How many records were emitted in all, duplicates too."""
        return sum(e.type == RECORD for emission in self.emissions for e in emission.events)


@asynccontextmanager
async def reading(
    daemon: Daemon, source: Source, bootstrap: str | None, tuning: Tuning = QUICK
) -> AsyncGenerator[KafkaSensor]:
    """A sensor at work for `daemon`, stopped at the end."""
    spec = source.spec("orders")
    assert spec is not None
    context = SensorContext(
        spec=spec,
        emit=daemon.emit,
        positions=daemon.stored,
        clock=SystemClock(),
        settings=Settings(kafka=KafkaSettings(bootstrap=bootstrap)),
        secrets=Secrets(),
        root=Path("/nowhere"),
        folder_id=daemon.folder_id,
        ready=daemon.ready,
        call=call,
        congested=lambda: daemon.gate is not None,
        log=logging.getLogger("test.kafka"),
    )
    sensor = KafkaSensor(context, tuning)
    async with anyio.create_task_group() as group:
        await group.start(sensor.run)
        yield sensor
        group.cancel_scope.cancel()
