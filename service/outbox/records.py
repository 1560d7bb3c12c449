"""What is known of a Kafka message before any broker is asked."""

from __future__ import annotations

from triphammer.flows.journal import OutMessage
from triphammer.sensors.kafka.options import is_topic_name
from triphammer.service.outbox.outcome import Dead

ID_HEADER = "triphammer-id"


def misfit(message: OutMessage) -> Dead | None:
    """Why no broker would take it; None when one may."""
    if message.body is None and message.key is None:
        return Dead("a Kafka message without a value (a tombstone) needs a key")
    if not is_topic_name(message.target):
        return Dead(f"{message.target!r} is no name of a Kafka topic")
    return None
