"""Where a reader is within the page of a run: everything that can be seen has an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from triphammer.config.ids import is_row_number

TABS = ("overview", "log", "results", "related")
LEVELS: Mapping[str, tuple[str, ...]] = {
    "info": ("INFO", "PRINT", "WARNING", "ERROR", "CRITICAL"),
    "warning": ("WARNING", "ERROR", "CRITICAL"),
    "error": ("ERROR", "CRITICAL"),
}
"""Lines of a level and those above it; what is printed counts as info."""


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place in the page of `run`.

    `task` is the one that is shown by itself, `items` the state of those of its items that are
    listed, `after` the item before the first of them. `attempt`, `level` and `q` narrow the log;
    `line` is the one it is opened at, `before` and `since` are the lines that it ends before or
    begins behind. `at` is the first row of a table that is shown.
    """

    run: str
    tab: str = "overview"
    task: str = ""
    attempt: int = 0
    items: str = ""
    after: str = ""
    level: str = ""
    q: str = ""
    line: int = 0
    before: int = 0
    since: int | None = None
    at: int = 0

    def link(self, *, on: str = "", **changes: Any) -> str:
        """The address of this place with `changes`, and of what is called `on` in it."""
        place = msgspec.structs.replace(self, **changes)
        told = msgspec.to_builtins(place)
        told.pop("run")
        query = urlencode(told)
        return f"/runs/{self.run}{f'?{query}' if query else ''}{f'#{on}' if on else ''}"

    def to_task(self, name: str) -> str:
        """Where a task is shown by itself."""
        return Place(run=self.run, task=name).link(on="task")

    def to_log(self, **narrowed: Any) -> str:
        """The log of the run, or what is asked for of it."""
        return Place(run=self.run, tab="log", **narrowed).link()


def place_of(run: str, query: Mapping[str, str]) -> Place:
    """The place that a query names; what it cannot mean is left out."""
    tab, level = query.get("tab", ""), query.get("level", "").lower()
    return Place(
        run=run,
        tab=tab if tab in TABS else "overview",
        task=query.get("task", ""),
        attempt=_number(query.get("attempt")),
        items=query.get("items", ""),
        after=query.get("after", ""),
        level=level if level in LEVELS else "",
        q=query.get("q", "")[:200],
        line=_number(query.get("line")),
        before=_number(query.get("before")),
        since=_number(query["since"]) if "since" in query else None,
        at=_number(query.get("at")),
    )


def _number(text: str | None) -> int:
    return int(text) if text is not None and is_row_number(text) else 0
