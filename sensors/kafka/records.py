"""Kafka records to events: the work done for every record, so kept short."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from triphammer.config.ids import new_ids
from triphammer.sensors.bodies import BINARY, JSON
from triphammer.sensors.cloudevents import from_kafka
from triphammer.sensors.contract import DeadRecord
from triphammer.sensors.errors import Rejected
from triphammer.sensors.event import Event
from triphammer.sensors.headers import NO_HEADERS, Headers
from triphammer.sensors.json_text import JSON_FAULTS, check_depth, malformed_json
from triphammer.sensors.kafka.options import ValueKind
from triphammer.sensors.kafka.positions import NO_TIMESTAMP
from triphammer.sensors.times import EPOCH, utc

RECORD = "triphammer.kafka.record"
ROTTEN = "triphammer-rotten"
"""The header of a record that stands for records that have rotted; its value says which."""
_CLOUD_MARKS = ("ce_specversion", "content-type")
_JSON = msgspec.json.Decoder()

Decode = Callable[[bytes], tuple[Any, bytes | None]]


class Record(Protocol):
    """What is used of aiokafka's `ConsumerRecord`; `timestamp` in ms, -1 when there is none."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


def source_name(cluster: str, topic: str) -> str:
    """The CloudEvents source of a topic's records."""
    return f"triphammer/kafka/{cluster}/{topic}"


class RecordReader:
    """Makes the events of one topic's records.

    A record's id is `topic/partition/offset@timestamp`: the timestamp keeps the records of a
    recreated topic apart. Keys and texts are UTF-8; a key that is not becomes base64, and the
    extension `keyencoding` says so. A record with no value (a tombstone) has the data None.
    """

    def __init__(self, *, cluster: str, topic: str, connection: str, value: ValueKind) -> None:
        self._topic = topic
        self._connection = connection
        self._source = source_name(cluster, topic)
        self._decode: Decode = _DECODERS[value]
        self._content_type = _CONTENT_TYPES[value]
        self._last = (NO_TIMESTAMP, EPOCH)

    def read_all(
        self,
        records: Sequence[Record],
        now: int,
        events: list[Event],
        dead: list[DeadRecord],
    ) -> None:
        """Append the event of each record, or the dead letter that says why there is none.

        `now` is when they were received, in microseconds UTC.
        """
        received_at = utc(now)
        for record, key in zip(records, new_ids("evt", len(records)), strict=True):
            result = self._read(record, key, now, received_at)
            if isinstance(result, Event):
                events.append(result)
            else:
                dead.append(result)

    def _read(
        self, record: Record, key: str, now: int, received_at: datetime
    ) -> Event | DeadRecord:
        try:
            headers = record.headers
            if headers and headers[0][0] == ROTTEN:
                raise Rejected(400, (headers[0][1] or b"").decode("utf-8", "replace"))
            if headers and _may_be_cloud_event(headers):
                event = self._cloud_event(record, now)
                if event is not None:
                    return event
            return self._plain(record, key, received_at)
        except Rejected as reason:
            return self._dead(record, str(reason))

    def _plain(self, record: Record, key: str, received_at: datetime) -> Event:
        value, record_key = record.value, record.key
        data, raw = (None, None) if value is None else self._decode(value)
        extensions = self._extensions(record)
        subject = None if record_key is None else _key_text(record_key, extensions)
        headers = record.headers
        return Event(
            key=key,
            id=self._id(record),
            source=self._source,
            type=RECORD,
            data=data,
            time=self._time(record.timestamp) or received_at,
            received_at=received_at,
            subject=subject,
            headers=_header_texts(headers) if headers else NO_HEADERS,
            extensions=extensions,
            content_type=self._content_type,
            raw=raw,
        )

    def _cloud_event(self, record: Record, now: int) -> Event | None:
        extensions = self._extensions(record)
        if record.key is not None:
            extensions["partitionkey"] = _key_text(record.key, extensions)
        return from_kafka(record.headers, record.value, now=now, extensions=extensions)

    def _extensions(self, record: Record) -> dict[str, Any]:
        return {
            "topic": self._topic,
            "partition": record.partition,
            "offset": record.offset,
            "connection": self._connection,
        }

    def _time(self, timestamp: int) -> datetime | None:
        """None for a record without a timestamp, or with one that no calendar has."""
        known, time = self._last
        if timestamp == known and timestamp >= 0:
            return time
        if timestamp < 0:
            return None
        try:
            time = EPOCH + timedelta(milliseconds=timestamp)
        except OverflowError:
            return None
        # Records that follow each other often share their millisecond.
        self._last = (timestamp, time)
        return time

    def _id(self, record: Record) -> str:
        return f"{self._topic}/{record.partition}/{record.offset}@{record.timestamp}"

    def _dead(self, record: Record, reason: str) -> DeadRecord:
        headers = dict(_header_texts(record.headers))
        if record.key is not None:
            headers["kafka-key"] = _key_text(record.key, {})
        return DeadRecord(
            id=self._id(record),
            source=self._source,
            reason=reason,
            payload=record.value or b"",
            headers=headers,
        )


def _may_be_cloud_event(headers: Sequence[tuple[str, bytes | None]]) -> bool:
    return any(name.lower() in _CLOUD_MARKS for name, _ in headers)


def _key_text(key: bytes, extensions: dict[str, Any]) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        extensions["keyencoding"] = "base64"
        return b64encode(key).decode()


def _header_texts(headers: Sequence[tuple[str, bytes | None]]) -> Headers:
    return Headers((name, (raw or b"").decode("utf-8", "replace")) for name, raw in headers)


def _json_value(value: bytes) -> tuple[Any, bytes | None]:
    try:
        data = _JSON.decode(value)
    except JSON_FAULTS as error:
        raise malformed_json(value, error, "value") from error
    check_depth(data, value, "value")
    return data, value


def _text_value(value: bytes) -> tuple[Any, bytes | None]:
    try:
        return value.decode(), None
    except UnicodeDecodeError as error:
        raise Rejected(400, f"byte {error.start} of the value is not UTF-8") from error


def _bytes_value(value: bytes) -> tuple[Any, bytes | None]:
    return value, None


_DECODERS: dict[ValueKind, Decode] = {
    "json": _json_value,
    "text": _text_value,
    "bytes": _bytes_value,
}
_CONTENT_TYPES: dict[ValueKind, str] = {
    "json": JSON,
    "text": "text/plain; charset=utf-8",
    "bytes": BINARY,
}
