from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.sensors.cloudevents import from_http, to_http
from triphammer.sensors.codec import new_event
from triphammer.sensors.errors import Rejected
from triphammer.sensors.event import Event
from triphammer.sensors.times import micros, rfc3339

NOW = 1_767_225_600_000_000
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json; charset=utf-8"}
LEAST: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
BINARY = {f"ce-{name}": value for name, value in LEAST.items()}


def structured(**members: Any) -> Event:
    (event,) = from_http(STRUCTURED, json.dumps({**LEAST, **members}).encode(), now=NOW)
    return event


def refused(headers: dict[str, str], body: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        from_http(headers, body, now=NOW)
    return caught.value


def test_structured_keeps_every_attribute_and_the_exact_json_of_the_data() -> None:
    body = (
        b'{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"x",'
        b'"time":"2026-01-31T09:30:00+09:00","dataschema":"urn:s","count":3,"flag":true,'
        b'"gone":null,"data":{"b": 1.50,  "a":[]}}'
    )
    (event,) = from_http(STRUCTURED, body, now=NOW)
    assert (event.id, event.source, event.type, event.subject) == ("1", "/s", "t", "x")
    assert rfc3339(event.time) == "2026-01-31T00:30:00Z"
    assert micros(event.received_at) == NOW
    assert event.schema == "urn:s"
    assert dict(event.extensions) == {"count": 3, "flag": True}
    assert event.data == {"b": 1.5, "a": []}
    assert event.raw == b'{"b": 1.50,  "a":[]}'
    assert event.key.startswith("evt_")


def test_without_a_time_the_event_occurred_when_it_was_received() -> None:
    event = structured()
    assert event.time == event.received_at
    assert event.data is None


@pytest.mark.parametrize("name", ["source", "id", "type", "specversion"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_attribute_is_named_in_every_mode(name: str, value: str | None) -> None:
    members = {**LEAST, name: value}
    kept = {k: v for k, v in BINARY.items() if k != f"ce-{name}"}
    if value is not None:
        kept[f"ce-{name}"] = value
    assert f'"{name}"' in str(refused(STRUCTURED, json.dumps(members).encode()))
    assert f'"ce-{name}"' in str(refused(kept, b""))
    batch = refused(BATCH, json.dumps([LEAST, members]).encode())
    assert "CloudEvent 2 of the batch" in str(batch)
    assert f'"{name}"' in str(batch)
    assert batch.status == 400


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"specversion": "0.3"}, "specversion is '0.3'"),
        ({"time": "yesterday"}, "'yesterday' is no RFC 3339 time"),
        ({"time": "2026-02-30T00:00:00Z"}, "'2026-02-30T00:00:00Z' is no RFC 3339 time"),
        ({"Bad_name": "x"}, 'invalid extension name "Bad_name"'),
        ({"ext": {"a": 1}}, 'extension "ext" must be a string, integer or boolean, not an object'),
        ({"ext": 1.5}, "not a number"),
        ({"id": 7}, 'attribute "id" must be a string, not an integer'),
        ({"subject": "a\nb"}, 'attribute "subject" contains a control character'),
        ({"data_base64": "%"}, "not base64"),
        ({"data_base64": 1}, '"data_base64" must be a string'),
        ({"data_base64": "YQ==", "data": 1}, "exclude each other"),
        ({"data_base64": "eyI=", "datacontenttype": "application/json"}, "malformed JSON"),
    ],
)
def test_what_is_wrong_is_named(members: dict[str, Any], reason: str) -> None:
    error = refused(STRUCTURED, json.dumps({**LEAST, **members}).encode())
    assert reason in str(error)
    assert error.status == 400


def test_malformed_json_names_the_position() -> None:
    error = refused(STRUCTURED, b'{"id":\n nope}')
    assert "line 2, column 2, byte 8" in str(error)
    assert "must be a JSON object" in str(refused(STRUCTURED, b"[]"))
    assert "must be a JSON array" in str(refused(BATCH, b"{}"))
    assert "byte 1" in str(refused(BATCH, b"[,]"))


def test_binary_data_comes_as_bytes_unless_its_media_type_says_more() -> None:
    assert structured(data_base64="AAE=").data == b"\x00\x01"
    assert structured(data_base64="AAE=").content_type == "application/octet-stream"
    assert structured(data_base64="eyJhIjoxfQ==", datacontenttype="application/json").data == {
        "a": 1
    }
    assert structured(data_base64="YWI=", datacontenttype="text/plain").data == "ab"
    assert structured(data_base64=None, data=1).data == 1


def test_text_data_stays_text_and_json_text_stays_json() -> None:
    text = structured(data="<a/>", datacontenttype="application/xml")
    assert (text.data, text.raw) == ("<a/>", None)
    quoted = structured(data="x")
    assert (quoted.data, quoted.raw) == ("x", b'"x"')


def test_binary_mode_decodes_headers_and_body() -> None:
    headers = {
        **BINARY,
        "Ce-Subject": "caf%C3%A9%20%25",
        "ce-ext": '"a \\"b\\""',
        "content-type": "application/json",
        "authorization": "Bearer s",
    }
    (event,) = from_http(headers, b'{"a": 1}', now=NOW)
    assert event.subject == "café %"
    assert dict(event.extensions) == {"ext": 'a "b"'}
    assert (event.data, event.raw) == ({"a": 1}, b'{"a": 1}')
    assert "authorization" not in event.headers


def test_binary_mode_takes_other_bodies_by_content_type() -> None:
    latin = {**BINARY, "content-type": "text/plain; charset=latin-1"}
    assert from_http(latin, b"\xe9", now=NOW)[0].data == "é"
    assert from_http(BINARY, b"\xff", now=NOW)[0].data == b"\xff"
    assert from_http(BINARY, b"", now=NOW)[0].data is None


def test_binary_mode_refuses_headers_that_are_no_utf8_or_have_no_right_name() -> None:
    assert "ce-subject" in str(refused({**BINARY, "ce-subject": "%ff"}, b""))
    assert '"ce-my-ext"' in str(refused({**BINARY, "ce-my-ext": "x"}, b""))


def test_what_is_no_cloudevent_is_told_how_to_become_one() -> None:
    for headers in ({}, {"content-type": "application/json"}):
        error = refused(headers, b"{}")
        assert error.status == 415
        assert "application/cloudevents+json" in str(error)
    assert refused({"content-type": "application/cloudevents+avro"}, b"").status == 415
    utf16 = {"content-type": "application/cloudevents+json; charset=utf-16"}
    assert refused(utf16, b"").status == 415


def test_a_batch_keeps_its_order_and_may_be_empty() -> None:
    body = json.dumps([{**LEAST, "id": str(n)} for n in range(3)]).encode()
    events = from_http(BATCH, body, now=NOW)
    assert [e.id for e in events] == ["0", "1", "2"]
    assert from_http(BATCH, b"[]", now=NOW) == []


def test_extensions_that_are_no_text_are_headers_too() -> None:
    headers, _ = to_http(structured(flag=True, count=3), "binary")
    assert (headers["ce-flag"], headers["ce-count"]) == ("true", "3")


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
DATA = st.one_of(
    st.none(),
    st.binary(min_size=1, max_size=20),
    st.dictionaries(TEXT, st.integers(-(2**60), 2**60) | TEXT | st.booleans(), max_size=3),
)


@given(
    id=TEXT,
    source=TEXT,
    type=TEXT,
    subject=st.none() | TEXT,
    extension=TEXT,
    data=DATA,
    binary=st.booleans(),
)
def test_an_event_survives_the_way_out_and_in(
    id: str,
    source: str,
    type: str,
    subject: str | None,
    extension: str,
    data: Any,
    binary: bool,
) -> None:
    content_type = "application/octet-stream" if isinstance(data, bytes) else "application/json"
    event = new_event(
        id=id,
        source=source,
        type=type,
        subject=subject,
        data=data,
        now=NOW,
        extensions={"ext1": extension},
        content_type=content_type,
    )
    headers, body = to_http(event, "binary" if binary else "structured")
    (back,) = from_http(headers, body, now=NOW)
    same = msgspec.structs.replace(back, key=event.key, raw=None)
    assert same == event


MEMBER = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
)
NAMES = st.sampled_from(
    [
        *LEAST,
        "time",
        "subject",
        "data",
        "data_base64",
        "dataschema",
        "datacontenttype",
        "ext",
        "Ext",
        "a-b",
    ]
) | st.text(max_size=4)


@given(
    st.lists(st.dictionaries(NAMES, MEMBER).map(lambda d: {**LEAST, **d}), max_size=3),
    st.sampled_from([STRUCTURED, BATCH]),
)
def test_any_json_gives_events_or_a_refusal(
    items: list[dict[str, Any]], mode: dict[str, str]
) -> None:
    body = json.dumps(items if mode is BATCH else (items or [{}])[0]).encode()
    check(mode, body)


CONTENT_TYPES = st.sampled_from(
    [
        "application/json",
        "text/plain; charset=utf-7",
        "text/plain; charset=x",
        "text/xml",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "a/b; charset=utf-16",
    ]
) | st.text(max_size=12)


@given(
    st.dictionaries(NAMES.map(lambda n: f"ce-{n}"), st.text(max_size=8)).map(
        lambda d: {**BINARY, **d}
    ),
    CONTENT_TYPES,
    st.binary(max_size=12) | st.text(max_size=12).map(lambda t: t.encode("utf-8", "replace")),
)
def test_any_message_gives_events_or_a_refusal(
    headers: dict[str, str], content_type: str, body: bytes
) -> None:
    check({**headers, "content-type": content_type}, body)


def test_deep_json_is_refused() -> None:
    check(STRUCTURED, b'{"data":' + b"[" * 100_000)
    check(BATCH, b"[" * 100_000)
    check({**BINARY, "content-type": "application/json"}, b"[" * 100_000)


def check(headers: dict[str, str], body: bytes) -> None:
    for event in accepted(headers, body):
        assert event.id
        assert event.source
        assert event.type
        msgspec.json.encode(event.data)


def accepted(headers: dict[str, str], body: bytes) -> list[Event]:
    try:
        return from_http(headers, body, now=NOW)
    except Rejected as error:
        if error.status not in (400, 415):
            raise
        return []
