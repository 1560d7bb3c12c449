"""Lists by filters: only what is asked for is in the statement, so that an index serves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triphammer.service.store.contract import DeadPage, Page
from triphammer.service.store.sqlite.statements import statements

_SQL = statements("pages.sql")


def run_page(page: Page) -> tuple[str, Mapping[str, Any]]:
    """The statement and values of a list of runs."""
    filters = {
        "run_before": page.before,
        "run_flow": page.flow,
        "run_state": page.state,
        "run_event": page.event,
        "run_tag": page.tag,
        "run_since": page.since,
        "run_until": page.until,
    }
    return _compose("runs", filters, "newest_runs"), _values(page)


def event_page(page: Page) -> tuple[str, Mapping[str, Any]]:
    """The statement and values of a list of events."""
    filters = {
        "event_before": page.before,
        "event_type": page.type,
        "event_source": page.source,
        "event_since": page.since,
        "event_until": page.until,
    }
    return _compose("events", filters, "newest_events"), _values(page)


def dead_page(page: DeadPage) -> tuple[str, Mapping[str, Any]]:
    """The statement and values of a list of dead messages."""
    filters = {
        "dead_only": True,
        "dead_before": page.before,
        "dead_flow": page.flow,
        "dead_target": page.target,
        "dead_since": page.since,
        "dead_until": page.until,
    }
    before_at, before_id = page.before or (None, None)
    values = {
        "before_at": before_at,
        "before_id": before_id,
        "flow": page.flow,
        "target": page.target,
        "since": page.since,
        "until": page.until,
        "limit": page.limit,
    }
    return _compose("dead", filters, "newest_dead"), values


def _compose(head: str, filters: Mapping[str, Any], tail: str) -> str:
    conditions = " AND ".join(_SQL[name] for name, value in filters.items() if value is not None)
    where = f"WHERE {conditions}" if conditions else ""
    return f"{_SQL[head]} {where} {_SQL[tail]}"


def _values(page: Page) -> Mapping[str, Any]:
    return {name: getattr(page, name) for name in page.__struct_fields__}
