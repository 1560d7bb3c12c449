"""The JSON event format: one event, or a batch, with attributes and data in one text.

Source: CloudEvents 1.0.2, "JSON Event Format".
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import msgspec

from triphammer.sensors.bodies import BINARY, JSON, Payload, decode_payload, media_type
from triphammer.sensors.cloudevents.attributes import SPEC_VERSION, Attributes, build_event
from triphammer.sensors.codec import encode_data
from triphammer.sensors.errors import Rejected
from triphammer.sensors.event import Event
from triphammer.sensors.headers import NO_HEADERS, Headers
from triphammer.sensors.json_text import JSON_FAULTS, decode_json, malformed_json
from triphammer.sensors.times import rfc3339

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_PAYLOAD = ("data", "data_base64")

Members = Mapping[str, msgspec.Raw]
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def parse_event(
    body: bytes,
    *,
    now: int,
    headers: Headers = NO_HEADERS,
    extensions: Mapping[str, Any] | None = None,
    where: str = "CloudEvent",
) -> Event:
    """The event of a structured message. Raises `Rejected` 400."""
    members = _members(body, where)
    attributes = Attributes(
        {name: _value(raw, name, where) for name, raw in members.items() if name not in _PAYLOAD},
        where=where,
    )
    attributes.check_version()
    content_type, payload = _payload(members, attributes, where)
    return build_event(
        attributes,
        payload,
        now=now,
        content_type=content_type,
        headers=headers,
        extensions=extensions,
    )


def parse_batch(body: bytes, *, now: int) -> list[Event]:
    """The events of a batched message, none or all of them. Raises `Rejected` 400."""
    try:
        items = _LIST.decode(body)
    except msgspec.ValidationError as error:
        raise Rejected(400, "a CloudEvents batch must be a JSON array of events") from error
    except JSON_FAULTS as error:
        raise malformed_json(body, error) from error
    return [
        parse_event(bytes(item), now=now, where=f"CloudEvent {number} of the batch")
        for number, item in enumerate(items, start=1)
    ]


def format_event(event: Event) -> bytes:
    """`event` in the JSON event format."""
    members: dict[str, Any] = {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": rfc3339(event.time),
        "datacontenttype": event.content_type,
        "dataschema": event.schema,
        **event.extensions,
    }
    kind, payload = encode_data(event)
    if kind == "bytes":
        members["data_base64"] = b64encode(payload).decode()
    else:
        members["data"] = msgspec.Raw(payload) if kind == "json" else event.data
    return msgspec.json.encode({k: v for k, v in members.items() if v is not None})


def _members(body: bytes, where: str) -> Members:
    try:
        return _MEMBERS.decode(body)
    except msgspec.ValidationError as error:
        raise Rejected(400, f"{where}: it must be a JSON object") from error
    except JSON_FAULTS as error:
        raise malformed_json(body, error) from error


def _value(raw: msgspec.Raw, name: str, where: str) -> Any:
    return decode_json(bytes(raw), f"{where}, attribute {name[:60]!r}")[0]


def _payload(members: Members, attributes: Attributes, where: str) -> tuple[str, Payload]:
    content_type = attributes.text("datacontenttype")
    encoded, plain = members.get("data_base64"), members.get("data")
    if encoded is not None and bytes(encoded) != b"null":
        if plain is not None:
            attributes.refuse('"data" and "data_base64" exclude each other')
        body = _binary(encoded, attributes, where)
        media = media_type(content_type or BINARY)
        return content_type or BINARY, decode_payload(body, media, f"data of the {where}")
    if plain is None:
        return content_type or JSON, Payload(None, None)
    return content_type or JSON, _plain(plain, content_type, where)


def _plain(plain: msgspec.Raw, content_type: str | None, where: str) -> Payload:
    data, raw = decode_json(bytes(plain), f"data of the {where}")
    if isinstance(data, str) and not media_type(content_type or JSON).is_json:
        return Payload(data, None)
    return Payload(data, raw)


def _binary(encoded: msgspec.Raw, attributes: Attributes, where: str) -> bytes:
    text, _ = decode_json(bytes(encoded), f"data_base64 of the {where}")
    if not isinstance(text, str):
        attributes.refuse('"data_base64" must be a string')
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        attributes.refuse('"data_base64" is not base64 (RFC 4648)')
