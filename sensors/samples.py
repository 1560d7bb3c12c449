"""Events for tests, as the sensors make them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from triphammer.config.clock import SystemClock
from triphammer.config.ids import new_id
from triphammer.sensors.codec import new_event
from triphammer.sensors.event import Event
from triphammer.sensors.files.identity import identity_of
from triphammer.sensors.headers import Headers
from triphammer.sensors.timers.source import TYPE as TIMER
from triphammer.sensors.timers.source import event_source as timer_source
from triphammer.sensors.times import micros, rfc3339, utc
from triphammer.sensors.webhook.source import TYPE as WEBHOOK
from triphammer.sensors.webhook.source import event_source as webhook_source


def file_event(
    path: Path | str,
    content: bytes | str | None = None,
    *,
    root: Path | str | None = None,
    type: str = "triphammer.file.created",
) -> Event:
    """The event of the file at `path`, watched from `root` (its own folder).

    With `content` the file is written first, folders and all; without, it must exist.
    """
    path = Path(path).absolute()
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    stat = path.stat()
    folder = path.parent if root is None else Path(root).absolute()
    name = path.relative_to(folder).as_posix()
    return new_event(
        id=f"{name}:{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}",
        source=f"triphammer/files/{folder}",
        type=type,
        subject=name,
        data={
            "path": str(path),
            "name": path.name,
            "size": stat.st_size,
            "mtime": rfc3339(utc(stat.st_mtime_ns // 1000)),
        },
        extensions={"identity": identity_of(stat)},
        now=SystemClock().now(),
    )


def webhook_event(
    path: str,
    data: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
    id: str | None = None,
) -> Event:
    """A delivery to `/hooks/{path}` whose decoded body is `data`."""
    name = path.strip("/")
    return new_event(
        id=id or new_id("evt"),
        source=webhook_source(name),
        type=WEBHOOK,
        subject=name,
        data=data,
        headers=Headers(headers or {}),
        content_type=_media(data),
        now=SystemClock().now(),
    )


def record_event(
    topic: str,
    value: Any = None,
    *,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    partition: int = 0,
    offset: int = 0,
) -> Event:
    """A Kafka record of `topic` with that decoded value."""
    now = SystemClock().now()
    return new_event(
        id=f"{partition}:{offset}:{now // 1000}",
        source=f"triphammer/kafka/sample/{topic}",
        type="triphammer.kafka.record",
        subject=key,
        data=value,
        headers=Headers(headers or {}),
        extensions={
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "connection": "kafka",
        },
        content_type=_media(value),
        now=now,
    )


def posted_event(
    type: str,
    data: Any = None,
    *,
    source: str = "test",
    subject: str | None = None,
    id: str | None = None,
    extensions: Mapping[str, Any] | None = None,
) -> Event:
    """An event as `POST /api/v1/events` takes it, for flows that listen to `events(...)`."""
    return new_event(
        id=id or new_id("evt"),
        source=source,
        type=type,
        subject=subject,
        data=data,
        extensions=extensions or {},
        content_type=_media(data),
        now=SystemClock().now(),
    )


def timer_event(
    flow: str,
    due: datetime | None = None,
    *,
    start: datetime | None = None,
    missed: int = 0,
    backfill: bool = False,
) -> Event:
    """A tick of `flow`, due at `due` (now), of the interval since `start` (a day before)."""
    now = SystemClock().now()
    end = (due or utc(now)).astimezone(UTC)
    begin = end - timedelta(days=1) if start is None else start
    return new_event(
        id=f"{flow}@{rfc3339(end)}",
        source=timer_source(flow),
        type=TIMER,
        subject=flow,
        time=end,
        data={
            "due": rfc3339(end),
            "start": rfc3339(begin),
            "end": rfc3339(end),
            "missed": missed,
            "backfill": backfill,
        },
        now=max(now, micros(end)),
    )


def _media(data: Any) -> str:
    if isinstance(data, bytes):
        return "application/octet-stream"
    return "text/plain" if isinstance(data, str) else "application/json"
