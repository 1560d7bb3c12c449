"""How far a partition has been taken in, as the text that is stored with the events."""

from __future__ import annotations

import msgspec

NO_TIMESTAMP = -1
"""Kafka's own mark of a record without a timestamp; here also: not known."""

Partition = tuple[str, int]
"""Topic and number of a partition; aiokafka's `TopicPartition` equals it."""


class Position(msgspec.Struct, frozen=True):
    """The next offset to take in, the timestamp (ms) of the record just before it, and the id
    of the topic, empty where that is not known.

    The id tells a recreated topic from the old one. Brokers before Kafka 2.8 have none: there
    the timestamp tells, of the same offset in another record.
    """

    next: int
    timestamp: int = NO_TIMESTAMP
    topic: str = ""


def are_different(one: str, other: str) -> bool:
    """Whether two ids of topics are known, and not the same."""
    return bool(one and other and one != other)


_DECODER = msgspec.json.Decoder(Position)


def position_key(cluster: str, partition: Partition) -> str:
    """The key under which a partition's position is stored."""
    return f"{cluster}/{partition[0]}/{partition[1]}"


def encode_position(position: Position) -> str:
    """The stored text of `position`."""
    return msgspec.json.encode(position).decode()


def decode_position(text: str) -> Position:
    """The position of a stored text."""
    return _DECODER.decode(text)
