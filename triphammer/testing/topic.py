"""A Kafka topic: records in, which begin runs, and what flows have published."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from triphammer.flows.journal import OutMessage
from triphammer.sensors.contract import DeadRecord, Emission
from triphammer.sensors.event import Event
from triphammer.sensors.kafka.options import DEFAULT_CONNECTION, ValueKind
from triphammer.sensors.kafka.records import RecordReader
from triphammer.service.outbox.records import ID_HEADER
from triphammer.testing.results import SimulatedMessage, SimulatedRun, messages_to, runs_of
from triphammer.testing.world import World

CLUSTER = "simulated"


class Record(msgspec.Struct, frozen=True):
    """One record as the broker hands it out."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Topic:
    """Use it through `sim.topic(name)`. `dead` are the records that could not be decoded."""

    def __init__(
        self, sim: World, name: str, kind: ValueKind | None, unreachable: dict[str, int]
    ) -> None:
        self.name = name
        self.dead: list[DeadRecord] = []
        self._sim = sim
        self._kind: ValueKind | None = kind
        self._unreachable = unreachable
        self._ends: dict[int, int] = {}

    def put(
        self,
        value: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        partition: int | None = None,
    ) -> Sequence[SimulatedRun]:
        """Put a record into the topic; the runs that it begins.

        Bytes are the record's value as they are, None is a tombstone, anything else is written
        as the flow reads it: as JSON, or as text. Raises LookupError when no flow listens.
        """
        if self._kind is None:
            raise LookupError(f"no flow listens to the topic {self.name!r}")
        pairs = [(name, text.encode()) for name, text in (headers or {}).items()]
        record = self._record(_written(value, self._kind), key, pairs, partition)
        return runs_of(self._sim, self._take(record))

    @property
    def messages(self) -> Sequence[SimulatedMessage]:
        """What flows have published to it, in order."""
        return messages_to(self._sim, "kafka", self.name)

    def fail(self, times: int = 1) -> None:
        """The next attempts to publish to it find no broker."""
        self._unreachable[self.name] = times

    async def arrive(self, message: OutMessage) -> None:
        """A flow has published `message`: those that listen hear of it."""
        if self._kind is None:
            return
        pairs = [(name, text.encode()) for name, text in message.headers.items()]
        pairs.append((ID_HEADER, message.id.encode()))
        await self._take(self._record(message.body, message.key, pairs, None))

    async def _take(self, record: Record) -> Sequence[str]:
        reader = RecordReader(
            cluster=CLUSTER,
            topic=self.name,
            connection=DEFAULT_CONNECTION,
            value=self._kind or "bytes",
        )
        events: list[Event] = []
        dead: list[DeadRecord] = []
        reader.read_all([record], self._sim.clock.now(), events, dead)
        self.dead += dead
        position = {f"{self.name}/{record.partition}": str(record.offset + 1)}
        emission = Emission(events=events, dead=dead, positions=position)
        return await self._sim.take(f"kafka:{DEFAULT_CONNECTION}", emission)

    def _record(
        self,
        value: bytes | None,
        key: str | None,
        headers: Sequence[tuple[str, bytes | None]],
        partition: int | None,
    ) -> Record:
        coded = None if key is None else key.encode()
        if partition is None:
            partition = 0 if coded is None else zlib.crc32(coded) % 3
        offset = self._ends.get(partition, 0)
        self._ends[partition] = offset + 1
        timestamp = self._sim.clock.now() // 1000
        return Record(partition, offset, timestamp, coded, value, headers)


def _written(value: Any, kind: ValueKind) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return str(value).encode() if kind == "text" else msgspec.json.encode(value)
