"""Parsers of what senders send: CloudEvents, JSON, bodies, Kafka records."""

from __future__ import annotations

from typing import NamedTuple

from tests.chaos.fuzz.kept import NOW, keep
from tests.chaos.fuzz.target import Target
from tests.chaos.fuzz.wire import message, wire
from triphammer.sensors.bodies import Payload, decode_payload, media_type
from triphammer.sensors.cloudevents import from_http, from_kafka
from triphammer.sensors.codec import new_event
from triphammer.sensors.contract import DeadRecord
from triphammer.sensors.errors import Rejected
from triphammer.sensors.event import Event
from triphammer.sensors.headers import Headers
from triphammer.sensors.json_text import decode_json
from triphammer.sensors.kafka.options import VALUE_KINDS
from triphammer.sensors.kafka.records import RecordReader
from triphammer.sensors.webhook.forms import decode_body

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EVENT = (
    b'{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"x","count":3,"flag":true,'
    b'"time":"2026-01-31T09:30:00+09:00","dataschema":"urn:s","data":{"a":["x",1.50,null]}}'
)
BYTES = (
    b'{"specversion":"1.0","id":"1","source":"/s","type":"t",'
    b'"datacontenttype":"text/plain; charset=utf-16","data_base64":"//5hAGIA"}'
)
CE = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/s", "ce_type": "t"}
BINARY = wire(
    b'{"a": "x"}',
    **CE,
    ce_time="2026-01-31T09:30:00Z",
    ce_subject="caf%C3%A9",
    ce_ext='"a \\"b\\""',
    content_type="application/json; charset=utf-8",
)
WORDS = (
    b"ce-id: 1", b"ce-specversion: 1.0", b"ce-source: /s", b"ce-type: t", b"ce-time: ", b"ce-a: ",
    b"content-type: ", b"application/json", b"text/plain", b"; charset=", b"utf-16", b"utf-7",
    b"idna", b"base64", b"latin-1", b"application/cloudevents", b"+json", b"-batch", b"/xml",
    b'"data":', b'"data_base64":', b'"specversion":"1.0"', b'"id":"1"', b"{", b"}", b"[", b"]",
    b"9999-12-31T23:59:60-23:59", b"0001-01-01T00:00:00+23:59", b'"', b"\\", b"\n", b"\n\n",
)  # fmt: skip
SAYS = "CloudEvent|attribute|extension|ce-|JSON|body|charset|format|data|header|value"


def _http(data: bytes) -> None:
    sent = message(data)
    keep(from_http(Headers.of_asgi(sent.headers), sent.body, now=NOW))


def _json(data: bytes) -> None:
    value, raw = decode_json(data)
    keep([_event(Payload(value, raw))])


def _body(data: bytes) -> None:
    sent = message(data)
    media = media_type(sent.get(b"content-type").decode("latin-1"))
    keep([_event(decode_payload(sent.body, media))])


def _form(data: bytes) -> None:
    sent = message(data)
    media = media_type(sent.get(b"content-type").decode("latin-1"))
    keep([_event(decode_body(sent.body, media))])


def _event(payload: Payload) -> Event:
    return new_event(id="1", source="s", type="t", data=payload.data, raw=payload.raw, now=NOW)


class Record(NamedTuple):
    """What is read of a Kafka record."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def _record(data: bytes) -> Record:
    """A message as a record; `key` and `timestamp` are two headers that are none of its own."""
    sent = message(data)
    own = tuple(
        (name.decode("utf-8", "replace"), value or None)
        for name, value in sent.headers
        if name not in (b"key", b"timestamp")
    )
    stamp = int.from_bytes(sent.get(b"timestamp")[:8], "big", signed=True)
    return Record(0, 7, stamp, sent.get(b"key") or None, sent.body or None, own)


def _kafka_event(data: bytes) -> None:
    record = _record(data)
    event = from_kafka(record.headers, record.value, now=NOW, extensions={"topic": "t"})
    keep([] if event is None else [event])


def _kafka_records(data: bytes) -> None:
    """No record is refused: each is an event or a dead letter that can be stored."""
    for kind in VALUE_KINDS:
        reader = RecordReader(cluster="c", topic="t", connection="kafka", value=kind)
        events: list[Event] = []
        dead: list[DeadRecord] = []
        reader.read_all([_record(data)] * 2, NOW, events, dead)
        assert len(events) + len(dead) == 2
        keep(events)
        for letter in dead:
            assert letter.reason.encode()
            assert all(text.encode() for item in letter.headers.items() for text in item if text)


TARGETS = (
    Target(
        "cloudevents-http",
        _http,
        Rejected,
        SAYS,
        (
            wire(EVENT, content_type=STRUCTURED),
            wire(BYTES, content_type=STRUCTURED + "; charset=UTF-8"),
            wire(b"[" + EVENT + b"," + BYTES + b"]", content_type=BATCH),
            BINARY,
        ),
        WORDS,
    ),
    Target(
        "cloudevents-kafka",
        _kafka_event,
        Rejected,
        SAYS,
        (
            wire(EVENT, content_type=STRUCTURED, other="x"),
            wire(b'{"a":"x"}', **CE, content_type="application/json")
            .replace(b"ce-", b"ce_"),
        ),
        (*WORDS, b"ce_id: 1", b"ce_specversion: 1.0", b"ce_source: /s", b"ce_type: t"),
    ),
    Target(
        "kafka-records",
        _kafka_records,
        Rejected,
        SAYS,
        (
            wire(b'{"a": "x"}', key="k", timestamp=b"\x00\x00\x01\x9b\x76\xda\xa8\x00", h="1"),
            wire("é".encode(), key=b"\xff", other=b"\xff"),
            wire(EVENT, content_type=STRUCTURED, key="k"),
            BINARY.replace(b"ce-", b"ce_"),
            wire(b"", key="k"),
        ),
        (*WORDS, b"key: k", b"timestamp: \x7f\xff\xff\xff\xff\xff\xff\xff"),
    ),
    Target(
        "json",
        _json,
        Rejected,
        "JSON",
        (b'{"a": ["x", 1.50, null, true], "b": {"c": "\\u00e9"}}', b"\xef\xbb\xbf[1e3]"),
        (b"{", b"}", b"[", b"]", b":", b",", b'"a"', b"1", b"-", b".5", b"e9", b"null", b"tru"),
    ),
    Target(
        "bodies",
        _body,
        Rejected,
        "body|charset",
        (
            wire(b'{"a": "x"}', content_type="application/vnd.x+json"),
            wire("é".encode("utf-16"), content_type='text/plain; charset="utf-16"'),
            wire(b"<a/>", content_type="application/xml; charset*=utf-8''latin-1"),
            wire(b"\x00\xff", content_type="application/pdf"),
        ),
        WORDS,
    ),
    Target(
        "forms",
        _form,
        Rejected,
        "form|JSON|charset|body|field|boundary",
        (
            wire(b"a=1&b=x+y%21&b=&c", content_type="application/x-www-form-urlencoded"),
            wire(b'{"a": 1}', content_type="application/x-www-form-urlencoded"),
            wire(
                b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
                b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n'
                b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAE=\r\n"
                b"--b--\r\n",
                content_type="multipart/form-data; boundary=b",
            ),
        ),
        (
            b"&", b"=", b"%", b"+", b"a=1&", b"--b", b"--b--", b"\r\n", b": ", b";", b'"', b"--",
            b'Content-Disposition: form-data; name="a"', b'; filename="f"', b"; filename*=u''x",
            b"Content-Type: ", b"Content-Transfer-Encoding: ", b"quoted-printable", b"=FF",
            b"content-type: multipart/form-data", b"; boundary=", b"; charset=utf-16", b"\n\n",
        ),
    ),
)  # fmt: skip
