from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.sensors.cloudevents import from_kafka
from triphammer.sensors.errors import Rejected
from triphammer.sensors.event import Event

NOW = 1_767_225_600_000_000
HEADERS: list[tuple[str, bytes | None]] = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"1"),
    ("ce_source", b"/s"),
    ("ce_type", b"t"),
    ("content-type", b"application/json"),
]
STRUCTURED: list[tuple[str, bytes | None]] = [("content-type", b"application/cloudevents+json")]


def read(headers: list[tuple[str, bytes | None]], value: bytes | None, **more: Any) -> Event:
    event = from_kafka(headers, value, now=NOW, **more)
    assert event is not None
    return event


def refused(headers: list[tuple[str, bytes | None]], value: bytes | None) -> str:
    with pytest.raises(Rejected) as caught:
        from_kafka(headers, value, now=NOW)
    return str(caught.value)


@pytest.mark.parametrize(
    "headers", [[], [("content-type", b"application/json")], [("ce_specversion", None)]]
)
def test_a_record_without_the_marks_is_no_cloudevent(headers: Any) -> None:
    assert from_kafka(headers, b"{}", now=NOW) is None


def test_binary_mode_takes_attributes_from_headers() -> None:
    headers = [*HEADERS, ("ce_subject", "é".encode()), ("ce_ext", b"x"), ("Trace", b"\xff1")]
    event = read(headers, b'{"a":  1}', extensions={"topic": "orders", "ext": 5})
    assert (event.id, event.source, event.type, event.subject) == ("1", "/s", "t", "é")
    assert (event.data, event.raw) == ({"a": 1}, b'{"a":  1}')
    assert dict(event.extensions) == {"topic": "orders", "ext": 5}
    assert dict(event.headers) == {"content-type": "application/json", "trace": "\ufffd1"}


def test_structured_mode_takes_the_event_from_the_value() -> None:
    value = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":[1]}'
    event = read(STRUCTURED, value, extensions={"partition": 3})
    assert (event.data, dict(event.extensions)) == ([1], {"partition": 3})


def test_a_record_without_value_has_no_data() -> None:
    assert read(HEADERS, None).data is None
    assert read(HEADERS[:-1], b"\x00").data == b"\x00"


def test_what_is_wrong_is_named_as_kafka_spells_it() -> None:
    assert '"ce_source"' in refused([h for h in HEADERS if h[0] != "ce_source"], b"{}")
    assert "specversion is '0.3'" in refused([("ce_specversion", b"0.3"), *HEADERS[1:]], b"{}")
    assert "'ce_id' is not UTF-8" in refused([*HEADERS, ("ce_id", b"\xff")], b"{}")
    assert "malformed JSON in the value" in refused(HEADERS, b"{")
    assert "malformed JSON" in refused(STRUCTURED, None)
    batch: Any = [("content-type", b"application/cloudevents-batch+json")]
    assert "not understood in a Kafka record" in refused(batch, b"[]")


NAMES = st.sampled_from(["ce_specversion", "ce_id", "ce_source", "ce_time", "content-type", "x"])


@given(
    st.lists(st.tuples(NAMES | st.text(max_size=4), st.none() | st.binary(max_size=6))),
    st.none() | st.binary(max_size=12),
)
def test_any_record_is_an_event_or_none_or_refused(
    headers: list[tuple[str, bytes | None]], value: bytes | None
) -> None:
    for given_headers in (headers, [*HEADERS, *headers], [*headers, *STRUCTURED]):
        with suppress(Rejected):
            from_kafka(given_headers, value, now=NOW)
