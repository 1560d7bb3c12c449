from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.config.patterns import compile_pattern
from triphammer.sensors.codec import decode_data, encode_data
from triphammer.sensors.contract import DeadRecord
from triphammer.sensors.event import Event
from triphammer.sensors.kafka.options import ValueKind
from triphammer.sensors.kafka.records import RecordReader
from triphammer.sensors.kafka.source import topic
from triphammer.sensors.times import utc

NOW = 1_767_225_600_000_000


@dataclass(frozen=True)
class FakeRecord:
    value: bytes | None = b"{}"
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int = 3
    offset: int = 41
    timestamp: int = 1_700_000_000_123


def read(record: FakeRecord, value: ValueKind = "json") -> Event | DeadRecord:
    reader = RecordReader(cluster="c1", topic="orders", connection="kafka", value=value)
    events: list[Event] = []
    dead: list[DeadRecord] = []
    reader.read_all([record], NOW, events, dead)
    assert len(events) + len(dead) == 1
    return events[0] if events else dead[0]


def event(record: FakeRecord, value: ValueKind = "json") -> Event:
    result = read(record, value)
    assert isinstance(result, Event), result
    return result


def dead(record: FakeRecord, value: ValueKind = "json") -> DeadRecord:
    result = read(record, value)
    assert isinstance(result, DeadRecord)
    return result


@pytest.mark.parametrize(
    ("kind", "value", "data"),
    [
        ("json", b'{"a": [1, null]}', {"a": [1, None]}),
        ("json", b'"text"', "text"),
        ("json", b"null", None),
        ("json", None, None),
        ("text", "né".encode(), "né"),
        ("text", b"", ""),
        ("text", None, None),
        ("bytes", b"\xff\x00", b"\xff\x00"),
        ("bytes", None, None),
    ],
)
def test_values_are_decoded_as_asked(kind: ValueKind, value: bytes | None, data: Any) -> None:
    made = event(FakeRecord(value), kind)
    assert made.data == data
    assert decode_data(*encode_data(made))[0] == data, "and come back from the store"


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists))
def test_json_is_kept_as_it_came(value: object) -> None:
    raw = json.dumps(value).encode()
    made = event(FakeRecord(raw))
    assert made.data == value
    assert encode_data(made) == ("json", raw)


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("json", b"", "malformed JSON in the value"),
        ("json", b"{", "malformed JSON in the value"),
        ("json", b"NaN", "malformed JSON in the value"),
        ("json", b'"\xff"', "malformed JSON in the value"),
        ("json", b"[" * 100_000, "nested too deeply"),
        ("json", b"[" * 300 + b"]" * 300, "nested too deeply"),
        ("text", b"ab\xff", "byte 2 of the value is not UTF-8"),
    ],
)
def test_what_cannot_be_decoded_is_kept(kind: ValueKind, value: bytes, reason: str) -> None:
    headers = [("trace", b"1")]
    letter = dead(FakeRecord(value, b"k", headers), kind)
    assert letter.id == "orders/3/41@1700000000123"
    assert letter.source == "triphammer/kafka/c1/orders"
    assert letter.payload == value
    assert reason in letter.reason
    assert letter.headers == {"trace": "1", "kafka-key": "k"}


@given(st.binary(), st.none() | st.binary(), st.sampled_from(["json", "text", "bytes"]))
def test_every_record_is_an_event_or_a_dead_letter(
    value: bytes, key: bytes | None, kind: ValueKind
) -> None:
    result = read(FakeRecord(value, key, [("h", key)]), kind)
    assert result.id == "orders/3/41@1700000000123"
    assert result.source == "triphammer/kafka/c1/orders"


def test_the_key_is_the_subject() -> None:
    assert event(FakeRecord(key=None)).subject is None
    assert event(FakeRecord(key="ö".encode())).subject == "ö"
    binary = event(FakeRecord(key=b"\xff\xfe"))
    assert (binary.subject, binary.extensions["keyencoding"]) == ("//4=", "base64")


def test_headers_are_text_and_case_insensitive() -> None:
    made = event(FakeRecord(headers=[("Trace-Id", b"1"), ("n", None), ("b", b"\xff")]))
    assert made.headers["trace-id"] == "1"
    assert (made.headers["n"], made.headers["b"]) == ("", "\ufffd")


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1_700_000_000_123, datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)),
        (-1, utc(NOW)),
        (2**62, utc(NOW)),
    ],
)
def test_the_time_is_the_records_where_it_has_one(timestamp: int, time: datetime) -> None:
    made = event(FakeRecord(timestamp=timestamp))
    assert made.time == time
    assert made.received_at == utc(NOW)
    assert made.id == f"orders/3/41@{timestamp}"


def test_a_binary_cloud_event_keeps_its_own_identity() -> None:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"7"),
        ("ce_source", b"/shop"),
        ("ce_type", b"shop.sold"),
        ("content-type", b"application/json"),
        ("trace", b"t"),
    ]
    made = event(FakeRecord(b'{"a":1}', b"k", headers), "bytes")
    assert (made.id, made.source, made.type, made.data) == ("7", "/shop", "shop.sold", {"a": 1})
    assert made.extensions == {
        "topic": "orders",
        "partition": 3,
        "offset": 41,
        "connection": "kafka",
        "partitionkey": "k",
    }
    assert made.headers["trace"] == "t"


def test_a_structured_cloud_event() -> None:
    body = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "sold", "data": [1]}
    headers = [("content-type", b"application/cloudevents+json")]
    made = event(FakeRecord(json.dumps(body).encode(), None, headers))
    assert (made.id, made.type, made.data) == ("7", "sold", [1])
    assert made.extensions["offset"] == 41


def test_a_broken_cloud_event_is_kept() -> None:
    letter = dead(FakeRecord(headers=[("ce_specversion", b"1.0"), ("ce_id", b"7")]))
    assert "source" in letter.reason
    assert letter.id == "orders/3/41@1700000000123"


def test_a_content_type_alone_makes_no_cloud_event() -> None:
    made = event(FakeRecord(headers=[("content-type", b"application/json")]))
    assert made.type == "triphammer.kafka.record"


def test_the_source_matches_its_own_records_only() -> None:
    made = event(FakeRecord())
    for source, matches in [
        (topic("orders"), True),
        (topic("other", "orders"), True),
        (topic("other"), False),
        (topic("orders", connection="second"), False),
    ]:
        assert compile_pattern(source.match).matches(made) is matches
