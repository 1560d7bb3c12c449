"""The HTTP binding: binary, structured and batched messages to events, and events to them.

Source: CloudEvents 1.0.2, "HTTP Protocol Binding".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

from triphammer.config.showing import shown
from triphammer.sensors.bodies import BINARY, decode_payload, media_type
from triphammer.sensors.cloudevents.attributes import SPEC_VERSION, Attributes, build_event
from triphammer.sensors.cloudevents.structured import (
    BATCH,
    STRUCTURED,
    format_event,
    parse_batch,
    parse_event,
)
from triphammer.sensors.codec import encode_data
from triphammer.sensors.errors import Rejected
from triphammer.sensors.event import Event
from triphammer.sensors.times import rfc3339

_PREFIX = "ce-"
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PRINTABLE = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"%')


def from_http(headers: Mapping[str, str], body: bytes, *, now: int) -> list[Event]:
    """The events of an HTTP message received at `now` (microseconds UTC).

    Raises `Rejected`: 400 names what is wrong, 415 an unknown content mode.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    content_type = lower.get("content-type", "")
    media = media_type(content_type) if content_type else None
    if media is not None and media.name == STRUCTURED:
        return [parse_event(_utf8_only(body, media.parameters), now=now)]
    if media is not None and media.name == BATCH:
        return parse_batch(_utf8_only(body, media.parameters), now=now)
    if media is not None and media.name.startswith("application/cloudevents"):
        raise Rejected(
            415, f"event format {shown(media.name)} is not understood; send {STRUCTURED}"
        )
    values = {name[3:]: value for name, value in lower.items() if name.startswith(_PREFIX)}
    if not values:
        raise Rejected(
            415,
            f"this is no CloudEvent: send Content-Type {STRUCTURED} or {BATCH}, or the headers"
            " ce-specversion, ce-id, ce-source and ce-type",
        )
    return [_binary(values, content_type, body, now)]


def to_http(
    event: Event, mode: Literal["binary", "structured"] = "structured"
) -> tuple[dict[str, str], bytes]:
    """The headers and body of the HTTP message that carries `event`."""
    if mode == "structured":
        return {"content-type": STRUCTURED}, format_event(event)
    attributes = {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": rfc3339(event.time),
        "dataschema": event.schema,
        **event.extensions,
    }
    headers = {f"{_PREFIX}{n}": _encoded(v) for n, v in attributes.items() if v is not None}
    return {**headers, "content-type": event.content_type}, encode_data(event)[1]


def _binary(values: Mapping[str, str], content_type: str, body: bytes, now: int) -> Event:
    decoded = {name: _decoded(name, value) for name, value in values.items()}
    attributes = Attributes(decoded, spelling=_PREFIX + "{}")
    attributes.check_version()
    content_type = content_type or BINARY
    payload = decode_payload(body, media_type(content_type))
    return build_event(attributes, payload, now=now, content_type=content_type)


def _utf8_only(body: bytes, parameters: Mapping[str, str]) -> bytes:
    charset = parameters.get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise Rejected(415, f"CloudEvents in JSON are UTF-8, not {shown(charset)}")
    return body


def _decoded(name: str, value: str) -> str:
    """A header's value without quotes and percent-encoding (section 3.1.3.2)."""
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        value = _ESCAPED.sub(r"\1", value[1:-1])
    if "%" not in value:
        return value
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeError as error:
        raise Rejected(400, f"header ce-{name[:60]} is not percent-encoded UTF-8") from error


def _encoded(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(str(value), safe=_PRINTABLE)
