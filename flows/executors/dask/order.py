"""What travels to a Dask worker and back; both are bytes of MessagePack to Dask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from triphammer.flows.executors.contract import Parcel
from triphammer.flows.executors.remote import Outcome
from triphammer.flows.journal import LogLine


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt to carry out. `key` is the same whenever the same attempt is asked for.

    `topic` is where its news go. `secrets` are the parts of those that its sources name.
    """

    key: str
    topic: str
    parcel: Parcel
    secrets: Mapping[str, Any]
    most_lines: int


class Answer(msgspec.Struct, frozen=True):
    """What became of it. `told` lines of its log went by the topic, `rest` did not yet."""

    outcome: Outcome
    told: int
    rest: tuple[LogLine, ...]


class News(msgspec.Struct, frozen=True):
    """What the topic tells of the attempt `key`: it has begun, is so far (done, total), or these
    lines of its log."""

    key: str
    begun: int | None = None
    lines: tuple[tuple[int, str, str], ...] = ()
    progress: tuple[float, float] | None = None


_ENCODER = msgspec.msgpack.Encoder()
_ORDER = msgspec.msgpack.Decoder(Order)
_ANSWER = msgspec.msgpack.Decoder(Answer)


def packed(value: Order | Answer) -> bytes:
    """The bytes of an order or answer."""
    return _ENCODER.encode(value)


def order_of(payload: bytes) -> Order:
    """The order. Raises `msgspec.ValidationError` for one of another version of triphammer."""
    return _ORDER.decode(payload)


def answer_of(payload: bytes) -> Answer:
    """The answer. Raises `msgspec.ValidationError` for one of another version of triphammer."""
    return _ANSWER.decode(payload)
