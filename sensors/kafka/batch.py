"""One fetched batch to one emission: events, dead letters and positions together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from triphammer.sensors.contract import DeadRecord
from triphammer.sensors.event import Event
from triphammer.sensors.kafka.positions import Partition, Position
from triphammer.sensors.kafka.records import Record, RecordReader


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a partition stands: `check` as in `Start`, until the record before was seen."""

    position: Position
    check: int | None = None


@dataclass(slots=True)
class Taken:
    """What a batch amounts to. `moved` are the cursors after it; `replaced` the partitions
    whose log turned out to be another one: nothing of theirs was taken."""

    events: list[Event] = field(default_factory=list[Event])
    dead: list[DeadRecord] = field(default_factory=list[DeadRecord])
    moved: dict[Partition, Position] = field(default_factory=dict[Partition, Position])
    checked: list[Partition] = field(default_factory=list[Partition])
    replaced: list[Partition] = field(default_factory=list[Partition])


class Readers(Protocol):
    """The readers by topic."""

    def __getitem__(self, topic: str, /) -> RecordReader: ...


def take_batch(
    batch: Mapping[Partition, Sequence[Record]],
    cursors: Mapping[Partition, Cursor],
    readers: Readers,
    now: int,
) -> Taken:
    """The emission's worth of `batch`, received at `now` (microseconds UTC).

    Partitions without a cursor are left out: it is not decided yet where to begin with them,
    or they were given away; the broker hands them out again. So are records before the
    cursor: the library may have fetched from the committed offset before we set our own.
    """
    taken = Taken()
    for partition, records in batch.items():
        cursor = cursors.get(partition)
        if cursor is None:
            continue
        if _is_replaced(cursor, records):
            taken.replaced.append(partition)
            continue
        if cursor.check is not None:
            taken.checked.append(partition)
        fresh = [record for record in records if record.offset >= cursor.position.next]
        if fresh:
            readers[partition[0]].read_all(fresh, now, taken.events, taken.dead)
            last = fresh[-1]
            topic = cursor.position.topic
            taken.moved[partition] = Position(last.offset + 1, last.timestamp, topic)
    return taken


def _is_replaced(cursor: Cursor, records: Sequence[Record]) -> bool:
    """Whether another record stands where the last one taken in stood."""
    if cursor.check is None:
        return False
    before = cursor.position.next - 1
    return any(r.offset == before and r.timestamp != cursor.check for r in records)
