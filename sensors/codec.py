"""Events to and from their other forms: new ones, the JSON of the API, the stored payload."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from triphammer.config.ids import new_id
from triphammer.sensors.event import Event
from triphammer.sensors.headers import NO_HEADERS, Headers
from triphammer.sensors.times import EPOCH, parse_rfc3339, rfc3339

Kind = Literal["json", "text", "bytes"]
NO_EXTENSIONS: Mapping[str, Any] = {}


def new_event(
    *,
    id: str,
    source: str,
    type: str,
    data: Any,
    now: int,
    subject: str | None = None,
    time: datetime | None = None,
    headers: Headers = NO_HEADERS,
    extensions: Mapping[str, Any] = NO_EXTENSIONS,
    content_type: str = "application/json",
    schema: str | None = None,
    raw: bytes | None = None,
    key: str | None = None,
) -> Event:
    """An event received at `now` (microseconds UTC) under a new key, unless one is given.

    `time` is when it occurred, aware and in UTC; without it, `now`.
    """
    received_at = EPOCH + timedelta(microseconds=now)
    return Event(
        key=key or new_id("evt"),
        id=id,
        source=source,
        type=type,
        data=data,
        time=time or received_at,
        received_at=received_at,
        subject=subject,
        headers=headers,
        extensions=extensions,
        content_type=content_type,
        schema=schema,
        raw=raw,
    )


def event_json(event: Event) -> dict[str, Any]:
    """`event` as the API and the console show it: plain values, times as RFC 3339 text.

    Binary data is base64 text, and `data_encoding` says so.
    """
    shown: dict[str, Any] = {
        "key": event.key,
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": rfc3339(event.time),
        "received_at": rfc3339(event.received_at),
        "data": event.data,
        "headers": dict(event.headers),
        "extensions": dict(event.extensions),
        "content_type": event.content_type,
    }
    if isinstance(event.data, bytes):
        shown["data"] = b64encode(event.data).decode()
        shown["data_encoding"] = "base64"
    return shown


def event_of_json(shown: Mapping[str, Any]) -> Event:
    """The event that `event_json` has shown."""
    data = shown["data"]
    return Event(
        key=shown["key"],
        id=shown["id"],
        source=shown["source"],
        type=shown["type"],
        subject=shown["subject"],
        time=parse_rfc3339(shown["time"]),
        received_at=parse_rfc3339(shown["received_at"]),
        data=b64decode(data) if shown.get("data_encoding") == "base64" else data,
        headers=Headers(shown["headers"]),
        extensions=shown["extensions"],
        content_type=shown["content_type"],
    )


def encode_data(event: Event) -> tuple[Kind, bytes]:
    """The payload as it is stored: its kind and its bytes.

    JSON that came in is reused as it is (`event.raw`). Raises TypeError for data that is
    neither text, bytes nor JSON.
    """
    if event.raw is not None:
        return "json", event.raw
    data = event.data
    if isinstance(data, str):
        return "text", data.encode("utf-8", "surrogatepass")
    if isinstance(data, bytes):
        return "bytes", data
    return "json", msgspec.json.encode(data)


def decode_data(kind: Kind, payload: bytes) -> tuple[Any, bytes | None]:
    """The data and `raw` of an event whose stored payload this is."""
    if kind == "text":
        return payload.decode("utf-8", "surrogatepass"), None
    if kind == "bytes":
        return payload, None
    return msgspec.json.decode(payload), payload
