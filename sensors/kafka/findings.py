"""Findings about a partition as events: `triphammer.kafka.gap`, `.recreated`, `.reset`.

They carry no `topic` extension: a flow that listens to `topic("orders")` gets records only.
Listen to these with `events(type="triphammer.kafka.gap")`.
"""

from __future__ import annotations

from typing import Any

from triphammer.sensors.codec import new_event
from triphammer.sensors.event import Event
from triphammer.sensors.kafka.positions import Partition
from triphammer.sensors.kafka.start import Finding, Gap, Recreated, Reset

GAP = "triphammer.kafka.gap"
RECREATED = "triphammer.kafka.recreated"
RESET = "triphammer.kafka.reset"


def finding_event(
    finding: Finding, partition: Partition, *, source: str, group: str, now: int
) -> Event:
    """The event that reports `finding` of `partition`, found at `now` (microseconds UTC)."""
    type, offsets = _described(finding)
    topic, number = partition
    data = {"topic": topic, "partition": number, "group": group, **offsets}
    return new_event(
        id=f"{type.rpartition('.')[2]}/{topic}/{number}@{now}",
        source=source,
        type=type,
        subject=topic,
        data=data,
        now=now,
    )


def finding_text(finding: Finding, partition: Partition) -> str:
    """One line for the log that says what was found and where reading goes on."""
    name = f"Kafka partition {partition[0]}/{partition[1]}"
    match finding:
        case Gap(first, last):
            return (
                f"{name}: records {first} to {last} were removed by retention before they"
                f" were read; going on at {last + 1}"
            )
        case Recreated(stored, end, resumed):
            return (
                f"{name}: the topic was recreated (next offset was {stored}, it now ends at"
                f" {end}); going on at its earliest record {resumed}"
            )
        case Reset(stored, committed, resumed):
            return (
                f"{name}: the group's offset was moved from {stored} to {committed} by"
                f" somebody else; going on at {resumed}"
            )


def _described(finding: Finding) -> tuple[str, dict[str, Any]]:
    match finding:
        case Gap(first, last):
            return GAP, {"first": first, "last": last, "missing": last - first + 1}
        case Recreated(stored, end, resumed):
            return RECREATED, {"stored": stored, "end": end, "resumed": resumed}
        case Reset(stored, committed, resumed):
            return RESET, {"stored": stored, "committed": committed, "resumed": resumed}
