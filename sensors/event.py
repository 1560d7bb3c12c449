"""The event: a CloudEvents 1.0 event as every part of triphammer sees it.

Source of the attribute names and their meaning: CloudEvents 1.0.2, "Context Attributes".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic

import msgspec
from typing_extensions import TypeVar

from triphammer.sensors.headers import NO_HEADERS, Headers

T = TypeVar("T", default=Any)


class Event(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One occurrence. `(source, id)` is its identity, `key` triphammer's own name for it.

    `data` is the decoded payload; `raw` the exact JSON it came from, kept so that storing it
    needs no second encoding (None: encode `data`). `bytes` data stays bytes, text stays text.
    `extensions` are CloudEvents extension attributes (Kafka: topic, partition, offset).
    Both times are aware and UTC; `time` is the occurrence's own, `received_at` ours.
    """

    key: str
    id: str
    source: str
    type: str
    data: T
    time: datetime
    received_at: datetime
    subject: str | None = None
    headers: Headers = NO_HEADERS
    extensions: Mapping[str, Any] = {}
    content_type: str = "application/json"
    schema: str | None = None
    raw: bytes | None = None
