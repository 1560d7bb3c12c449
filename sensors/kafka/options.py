"""What a Kafka sensor is told: its topics, how to read their values, group and connection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from triphammer.sensors.errors import SourceError

ValueKind = Literal["json", "text", "bytes"]
VALUE_KINDS: tuple[ValueKind, ...] = ("json", "text", "bytes")
DEFAULT_CONNECTION = "kafka"
_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}", re.ASCII)


def is_topic_name(name: str) -> bool:
    """Whether Kafka allows a topic of this name: 1 to 249 letters, digits, `.`, `_`, `-`."""
    return _TOPIC.fullmatch(name) is not None and name not in (".", "..")


class KafkaOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one sensor: every topic of one connection and group.

    `topics` maps each topic to how its values are decoded. `group` None: the group of the
    connection's settings, or else `triphammer-<id of the data folder>`.
    """

    topics: Mapping[str, ValueKind]
    group: str | None = None
    connection: str = DEFAULT_CONNECTION

    def as_mapping(self) -> dict[str, Any]:
        """The plain options of a `SensorSpec`."""
        return {
            "topics": dict(self.topics),
            "group": self.group,
            "connection": self.connection,
        }


def merge_options(all_options: Iterable[Mapping[str, Any]]) -> KafkaOptions:
    """One sensor's options out of those of all flows that use it: the union of their topics.

    Raises `SourceError` when two flows decode one topic differently.
    """
    each = [msgspec.convert(options, KafkaOptions) for options in all_options]
    topics: dict[str, ValueKind] = {}
    for options in each:
        for topic, kind in options.topics.items():
            known = topics.setdefault(topic, kind)
            if known != kind:
                raise SourceError(
                    f'Kafka topic {topic!r} is read as value="{known}" and as value="{kind}":'
                    f" use one of them, or read it with another group="
                )
    return KafkaOptions(
        topics=dict(sorted(topics.items())), group=each[0].group, connection=each[0].connection
    )
