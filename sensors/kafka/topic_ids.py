"""Which topic a name stands for: since Kafka 2.8 each has an id that no other topic ever gets.

The library speaks of names only, so a topic that is recreated under its name goes unnoticed
there. Asking for the metadata of a missing topic does not create it here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any
from uuid import UUID

from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

METADATA, VERSION = 3, 10
NO_ID = UUID(int=0)


class _Uuid(AbstractType[UUID]):
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


_TEXT = CompactString("utf-8")
_TAGS = ("tags", TaggedFields)
_NUMBERS = CompactArray(Int32)
_PARTITION = (
    ("error", Int16),
    ("number", Int32),
    ("leader", Int32),
    ("leader_epoch", Int32),
    ("replicas", _NUMBERS),
    ("in_sync", _NUMBERS),
    ("offline", _NUMBERS),
    _TAGS,
)
_TOPIC = (
    ("error", Int16),
    ("name", _TEXT),
    ("id", _Uuid),
    ("internal", Boolean),
    ("partitions", CompactArray(*_PARTITION)),
    ("operations", Int32),
    _TAGS,
)
_BROKER = (("node", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), _TAGS)


class _Answer(Response):
    @property
    def API_KEY(self) -> int:  # noqa: N802 - the library's name
        return METADATA

    @property
    def API_VERSION(self) -> int:  # noqa: N802 - the library's name
        return VERSION

    SCHEMA = Schema(
        ("throttled", Int32),
        ("brokers", CompactArray(*_BROKER)),
        ("cluster", _TEXT),
        ("controller", Int32),
        ("topics", CompactArray(*_TOPIC)),
        ("operations", Int32),
        _TAGS,
    )


class _Question(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = METADATA
    API_VERSION = VERSION
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("topics", CompactArray(("id", _Uuid), ("name", _TEXT), _TAGS)),
        ("create", Boolean),
        ("cluster_operations", Boolean),
        ("topic_operations", Boolean),
        _TAGS,
    )


class _Metadata(Request[_Question]):
    """The metadata of topics, in the first version of the protocol that tells their ids."""

    API_KEY = METADATA

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = list(topics)

    def build(self, request_struct_class: type[_Question]) -> _Question:
        no_tags: Mapping[int, bytes] = {}
        topics = [(NO_ID, topic, no_tags) for topic in self._topics]
        return request_struct_class(topics, False, False, False, no_tags)


async def topic_ids(client: Any, topics: Iterable[str]) -> Mapping[str, str]:
    """The ids of those of `topics` that exist, as hexadecimal text; none from older brokers.

    Raises the library's errors.
    """
    try:
        answer = await client.send(client.get_random_node(), _Metadata(topics))
    except (NotImplementedError, IncompatibleBrokerVersion):
        return {}
    return {name: id.hex for _, name, id, *_ in answer.topics if id != NO_ID}
