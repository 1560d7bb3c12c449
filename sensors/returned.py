"""What a `@sensor` function returned, checked and made into events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn, cast

import msgspec

from triphammer.config.ids import new_id
from triphammer.sensors.codec import new_event
from triphammer.sensors.errors import SensorError
from triphammer.sensors.event import Event
from triphammer.sensors.times import parse_rfc3339

FIELDS = ("id", "source", "type", "subject", "time", "data", "content_type")
EXTENSION = "sensor"
"""The extension attribute by which a `@sensor`'s events are known, whatever their source."""


class Returned(NamedTuple):
    """The events of one call, and the new cursor where there is one (`moved`)."""

    events: list[Event]
    cursor: Any
    moved: bool


def read_returned(value: Any, name: str, place: str, now: int) -> Returned:
    """The meaning of what the function at `place` returned.

    None is no news; a list are events; `(events, cursor)` moves the cursor. Raises SensorError
    that names the place and what is wrong.
    """
    reader = _Reader(name, place, now)
    match value:
        case (None | [*_], _) if isinstance(value, tuple):
            events, cursor = value
            return Returned(reader.events(events), reader.json(cursor, "the cursor"), True)
        case _:
            return Returned(reader.events(value), None, False)


class _Reader:
    def __init__(self, name: str, place: str, now: int) -> None:
        self._name = name
        self._place = place
        self._now = now

    def events(self, value: Any) -> list[Event]:
        if value is None:
            return []
        if isinstance(value, (Event, Mapping)):
            value = [value]
        if not isinstance(value, (list, tuple)):
            self._fail(
                f"it returned {type(value).__name__}; return a list of events, or"  # pyright: ignore[reportUnknownArgumentType]
                " (events, cursor)"
            )
        items = cast(list[Any], value)
        return [self._event(item, number) for number, item in enumerate(items, start=1)]

    def json(self, value: Any, what: str) -> Any:
        """`value`, if JSON can hold it."""
        self._encoded(value, what)
        return value

    def _event(self, item: Any, number: int) -> Event:
        what = f"event {number}"
        if isinstance(item, Event):
            event: Event = item  # pyright: ignore[reportUnknownVariableType] - any data
            extensions = {**event.extensions, EXTENSION: self._name}
            data, raw = self._data(event.data, what)
            return msgspec.structs.replace(event, extensions=extensions, data=data, raw=raw)
        if not isinstance(item, Mapping):
            self._fail(f"{what} is {type(item).__name__}, neither an Event nor a mapping")
        return self._from_mapping(cast(Mapping[str, Any], item), what)

    def _from_mapping(self, fields: Mapping[str, Any], what: str) -> Event:
        for name in fields:
            if name not in FIELDS:
                self._fail(f"{what} has an unknown field {name!r}; known are {', '.join(FIELDS)}")
        data, raw = self._data(fields.get("data"), what)
        return new_event(
            id=self._text(fields, "id", what) or new_id("evt"),
            source=self._text(fields, "source", what) or f"triphammer/sensor/{self._name}",
            type=self._text(fields, "type", what) or f"triphammer.sensor.{self._name}",
            subject=self._text(fields, "subject", what),
            time=self._time(fields.get("time"), what),
            content_type=self._text(fields, "content_type", what) or _media(data),
            data=data,
            raw=raw,
            extensions={EXTENSION: self._name},
            now=self._now,
        )

    def _text(self, fields: Mapping[str, Any], name: str, what: str) -> str | None:
        value = fields.get(name)
        if value is not None and not isinstance(value, str):
            self._fail(f"{what}: {name} must be text, not {type(value).__name__}")
        return value or None

    def _time(self, value: Any, what: str) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            if value.tzinfo is None:
                self._fail(f"{what}: time has no zone; use datetime.now(UTC)")
            return value.astimezone(UTC)
        try:
            return parse_rfc3339(str(value))
        except ValueError as error:
            self._fail(f"{what}: time {error}")

    def _data(self, data: Any, what: str) -> tuple[Any, bytes | None]:
        """The data as it will be after a restart: text, bytes, or what JSON makes of it."""
        if isinstance(data, bytes):
            return data, None
        raw = self._encoded(data, f"the data of {what}")
        return (data, None) if isinstance(data, str) else (msgspec.json.decode(raw), raw)

    def _encoded(self, value: Any, what: str) -> bytes:
        try:
            return msgspec.json.encode(value)
        except (TypeError, ValueError, RecursionError) as error:
            self._fail(f"{what} is not JSON: {error}")

    def _fail(self, reason: str) -> NoReturn:
        raise SensorError(f"sensor {self._name} ({self._place}): {reason}")


def _media(data: Any) -> str:
    if isinstance(data, str):
        return "text/plain"
    return "application/octet-stream" if isinstance(data, bytes) else "application/json"
