"""How far a partition has been taken in, as the text that is stored with the events."""

from __future__ import annotations

import msgspec

NO_TIMESTAMP = -1
"""Kafka's own mark of a record without a timestamp; here also: not known."""

Partition = tuple[str, int]
"""Topic and number of a partition; aiokafka's `TopicPartition` equals it."""


class Position(msgspec.Struct, frozen=True):
    """The next offset to take in, and the timestamp (ms) of the record just before it.

    The timestamp tells a recreated topic from the old one: the same offset, another record.
    """

    next: int
    timestamp: int = NO_TIMESTAMP


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
