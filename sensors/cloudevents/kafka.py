"""The Kafka binding: records that carry a CloudEvent.

Source: CloudEvents 1.0.2, "Kafka Protocol Binding".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from triphammer.sensors.bodies import BINARY, decode_payload, media_type
from triphammer.sensors.cloudevents.attributes import Attributes, build_event
from triphammer.sensors.cloudevents.structured import STRUCTURED, parse_event
from triphammer.sensors.errors import Rejected
from triphammer.sensors.event import Event
from triphammer.sensors.headers import Headers

_PREFIX = "ce_"
_CONTENT_TYPE = "content-type"


def from_kafka(
    headers: Iterable[tuple[str, bytes | None]],
    value: bytes | None,
    *,
    now: int,
    extensions: Mapping[str, Any] | None = None,
) -> Event | None:
    """The CloudEvent of a record, or None when the record carries none.

    A record is one in structured mode by its `content-type`, in binary mode by `ce_specversion`;
    `headers` keeps the others. `extensions` (topic, partition, offset) are added to the event's.
    Raises `Rejected` for a record that says it is a CloudEvent and is not a valid one.
    """
    pairs = [(name.lower(), raw) for name, raw in headers if raw is not None]
    named = dict(pairs)
    content_type = _text(_CONTENT_TYPE, named.get(_CONTENT_TYPE, b""))
    structured = content_type.lower().startswith("application/cloudevents")
    if not structured and "ce_specversion" not in named:
        return None
    others = Headers((n, _shown(raw)) for n, raw in pairs if not n.startswith(_PREFIX))
    if structured:
        return _structured(content_type, value, now, others, extensions)
    values = {n[3:]: _text(n, raw) for n, raw in pairs if n.startswith(_PREFIX)}
    attributes = Attributes(values, spelling=_PREFIX + "{}")
    attributes.check_version()
    content_type = content_type or BINARY
    payload = decode_payload(value or b"", media_type(content_type), "value")
    return build_event(
        attributes,
        payload,
        now=now,
        content_type=content_type,
        headers=others,
        extensions=extensions,
    )


def _structured(
    content_type: str,
    value: bytes | None,
    now: int,
    headers: Headers,
    extensions: Mapping[str, Any] | None,
) -> Event:
    name = media_type(content_type).name
    if name != STRUCTURED:
        raise Rejected(415, f"event format {name!r} is not understood in a Kafka record")
    return parse_event(value or b"", now=now, headers=headers, extensions=extensions)


def _text(name: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Rejected(400, f"header {name[:60]!r} is not UTF-8") from error


def _shown(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
