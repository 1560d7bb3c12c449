"""Cursors: an opaque text that names the last row of a page, newest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from triphammer.config.ids import is_row_number
from triphammer.config.showing import shown
from triphammer.sensors import times
from triphammer.sensors.errors import Rejected
from triphammer.service.web.models import Page

MOST_BYTES = 8_000_000
"""A page of large rows ends early: senders choose how large they are."""


class Sequenced(Protocol):
    """A row with its place in the order of commits, and how large it is."""

    @property
    def seq(self) -> int: ...
    @property
    def size(self) -> int: ...


Row = TypeVar("Row", bound=Sequenced)
T = TypeVar("T")


def before(cursor: str | None) -> int | None:
    """The `seq` a cursor names. Raises `Rejected` 400 for one that we never gave."""
    if cursor is None:
        return None
    if not cursor.startswith("c") or not is_row_number(cursor[1:]):
        raise strange(cursor)
    return int(cursor[1:])


def strange(cursor: str) -> Rejected:
    """The refusal of a cursor that we never gave."""
    return Rejected(400, f"cursor {shown(cursor)} is not one of ours: pass `next` of the last page")


def page_of(rows: Sequence[Row], limit: int, view: Callable[[Row], T]) -> Page[T]:
    """`rows` may hold one more than `limit`, which tells of a next page, as do `MOST_BYTES`."""
    kept = rows[:limit]
    more = len(rows) > limit or sum(row.size for row in rows) >= MOST_BYTES
    return {"items": [view(row) for row in kept], "next": f"c{kept[-1].seq}" if more else None}


def micros(text: str | None, name: str) -> int | None:
    """An RFC 3339 time as microseconds. Raises `Rejected` 400 naming the parameter."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Rejected(400, f"{name}={shown(text)} is no RFC 3339 time") from None
    return times.micros(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
