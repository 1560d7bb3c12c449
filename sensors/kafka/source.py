"""`topic(...)`: the records of Kafka topics as a source of a flow."""

from __future__ import annotations

from triphammer.config.source import Source
from triphammer.sensors.errors import SourceError
from triphammer.sensors.kafka.options import (
    DEFAULT_CONNECTION,
    VALUE_KINDS,
    KafkaOptions,
    ValueKind,
    is_topic_name,
)


def topic(
    *names: str,
    group: str | None = None,
    value: ValueKind = "json",
    connection: str = DEFAULT_CONNECTION,
) -> Source:
    """Every record of the Kafka topics `names`, one event each.

    The event's data is the record's value decoded as `value` says, its subject the key as
    text, and `topic`, `partition` and `offset` are extensions. A record that carries a
    CloudEvent becomes that event. A record that cannot be decoded is kept as a dead letter.
    `group` is the consumer group, for several daemons that share the work; by default it is
    private to this installation. `connection` names a `[connections.NAME]` other than
    `[kafka]`. Raises `SourceError`.
    """
    _check(names, value, group)
    options = KafkaOptions(topics=dict.fromkeys(names, value), group=group, connection=connection)
    return Source(
        kind="kafka",
        name=connection if group is None else f"{connection}/{group}",
        options=options.as_mapping(),
        match={"topic": list(names), "connection": [connection]},
        text=f"topic({', '.join(repr(name) for name in names)})",
    )


def _check(names: tuple[str, ...], value: str, group: str | None) -> None:
    if not names:
        raise SourceError('topic() needs the name of a Kafka topic: topic("orders")')
    for name in names:
        if not is_topic_name(name):
            raise SourceError(
                f"{name!r} is no name of a Kafka topic: 1 to 249 letters, digits, '.', '_', '-'"
            )
    if value not in VALUE_KINDS:
        raise SourceError(f"topic(value={value!r}): choose one of {', '.join(VALUE_KINDS)}")
    if group is not None and not group:
        raise SourceError("topic(group=) must not be empty; leave it out for a group of its own")
