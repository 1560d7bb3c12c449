"""What an event must stand once it was taken: to be stored, read again, shown and asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import msgspec

from triphammer.config.patterns import compile_pattern
from triphammer.sensors.codec import decode_data, encode_data, event_json
from triphammer.sensors.event import Event
from triphammer.service.store.sqlite.rows import event_values

ASKED = compile_pattern({"data": {"a": [{"prefix": "x"}]}, "subject": [{"exists": False}]})
NOW = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""
FRAMES = 700
"""So deep in the stack of a task, a template or a test may it be read again."""


def keep(events: Iterable[Event]) -> None:
    """Raises what a store, a page or a pattern would raise for one of the events."""
    for event in events:
        values = event_values(event, None)
        database = sqlite3.connect(":memory:")
        database.execute(f"SELECT {', '.join('?' * len(values))}", values)
        database.close()
        at_depth(FRAMES, lambda event=event: _read(event))  # type: ignore[misc]
        ASKED.matches(event)
        ASKED.why(event)


def _read(event: Event) -> None:
    decode_data(*encode_data(event))
    msgspec.json.decode(msgspec.json.encode(event_json(event)))


def at_depth(frames: int, call: Callable[[], None]) -> None:
    """Call it that many frames further down."""
    if frames:
        at_depth(frames - 1, call)
    else:
        call()
