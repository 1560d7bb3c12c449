"""Lists by filters: only what is asked for is in the statement, so that an index serves it."""

from __future__ import annotations

from typing import Any

from triphammer.service.store.contract import Page
from triphammer.service.store.sqlite.statements import statements

_SQL = statements("pages.sql")


def run_page(page: Page) -> tuple[str, list[Any]]:
    """The statement and values of a list of runs."""
    filters = {
        "run_before": page.before,
        "run_flow": page.flow,
        "run_state": page.state,
        "run_event": page.event,
        "run_since": page.since,
        "run_until": page.until,
    }
    return _compose("runs", filters, "newest_runs", page.limit)


def event_page(page: Page) -> tuple[str, list[Any]]:
    """The statement and values of a list of events."""
    filters = {
        "event_before": page.before,
        "event_type": page.type,
        "event_source": page.source,
        "event_since": page.since,
        "event_until": page.until,
    }
    return _compose("events", filters, "newest_events", page.limit)


def _compose(head: str, filters: dict[str, Any], tail: str, limit: int) -> tuple[str, list[Any]]:
    given = {name: value for name, value in filters.items() if value is not None}
    conditions = " AND ".join(_SQL[name] for name in given)
    where = f"WHERE {conditions}" if conditions else ""
    return f"{_SQL[head]} {where} {_SQL[tail]}", [*given.values(), limit]
