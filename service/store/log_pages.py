"""Pages of what a run printed and logged, both ways, narrowed by task, level and words.

Lines are looked at in windows, each a short read of its own: the connection is the one that
writes. A search that has looked at many without finding a page full says how far it came.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

WINDOW = 5_000
WINDOWS = 10
"""Windows that one page looks at, at most."""
END = (1 << 63) - 1
T = TypeVar("T")


class StoredLine(msgspec.Struct, frozen=True):
    """One captured line; `seq` is its place in the order of arrival."""

    seq: int
    task: str
    attempt: int
    at: int
    level: str
    text: str


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines of a run: those after the line `since`, or the last ones before `before`."""

    run: str
    task: str | None = None
    attempt: int | None = None
    levels: tuple[str, ...] | None = None
    words: str | None = None
    since: int | None = None
    before: int = END
    limit: int = 500
    window: int = WINDOW

    @property
    def values(self) -> Mapping[str, Any]:
        """The values of the statements."""
        levels = None if self.levels is None else msgspec.json.encode(self.levels).decode()
        return {
            "run": self.run,
            "task": self.task,
            "attempt": self.attempt,
            "levels": levels,
            "words": self.words or None,
            "window": self.window,
        }


class FoundLines(msgspec.Struct, frozen=True, kw_only=True):
    """Lines in their order. `further` is where to go on in the direction that was asked for,
    None: there are no more. `cut_short`: there may be more that fit, though fewer than were asked
    for were found."""

    lines: Sequence[StoredLine]
    further: int | None
    cut_short: bool = False


class Read(Protocol):
    """Runs a function on the connection of the lines."""

    async def __call__(self, function: Callable[[sqlite3.Connection], T], /) -> T: ...


async def found_lines(read: Read, sql: Mapping[str, str], page: LogPage) -> FoundLines:
    """The lines of a page."""
    forward = page.since is not None
    way, end_of = ("after", "end_after") if forward else ("before", "end_before")
    values = {**page.values, "from": page.before if page.since is None else page.since}
    found: list[StoredLine] = []
    for _ in range(WINDOWS):
        step = {**values, "limit": page.limit - len(found)}

        def look(
            raw: sqlite3.Connection, step: Mapping[str, Any] = step
        ) -> tuple[list[StoredLine], int | None]:
            rows = raw.execute(sql[way], step).fetchall()
            ((end,),) = raw.execute(sql[end_of], step).fetchall()
            return [StoredLine(*row) for row in rows], end

        lines, end = await read(look)
        found += lines
        if end is None:
            return FoundLines(lines=_ordered(found, forward), further=None)
        if len(found) >= page.limit:
            return FoundLines(lines=_ordered(found, forward), further=found[-1].seq)
        values["from"] = end
    return FoundLines(lines=_ordered(found, forward), further=values["from"], cut_short=True)


def _ordered(lines: Sequence[StoredLine], forward: bool) -> Sequence[StoredLine]:
    return lines if forward else lines[::-1]
