"""Lists by filters: only what is asked for is in the statement, so that an index serves it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from triphammer.service.store.contract import DeadPage, Page
from triphammer.service.store.looking import EventSearch, OutboxPage
from triphammer.service.store.sqlite.statements import statements

_SQL = statements("pages.sql")
LAST_TEXT = "\U0010ffff"
_OUTBOX_FILTERS = {
    "flow": ("outbox_flow", "outbox_any_flow"),
    "target": ("outbox_target", "outbox_any_target"),
    "kind": ("outbox_kind", "outbox_any_kind"),
    "state": ("outbox_state", "outbox_any_state"),
}


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


def dead_run_page(page: Page) -> tuple[str, Mapping[str, Any]]:
    """The statement and values of a list of failed runs that nobody has dealt with."""
    filters = {
        "dead_run_only": True,
        "run_before": page.before,
        "run_flow": page.flow,
        "dead_run_since": page.since,
        "dead_run_until": page.until,
    }
    head = "dead_runs" if page.flow is None else "dead_runs_of_flow"
    return _compose(head, filters, "newest_runs"), _values(page)


def dead_event_page(page: Page) -> tuple[str, Mapping[str, Any]]:
    """The statement and values of a list of events that could not start a flow."""
    filters = {
        "dead_event_only": True,
        "dead_event_before": page.before,
        "dead_event_flow": page.flow,
        "dead_event_since": page.since,
        "dead_event_until": page.until,
    }
    head = "dead_events" if page.flow is None else "dead_events_of_flow"
    return _compose(head, filters, "newest_dead_events"), _values(page)


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


def outbox_page(page: OutboxPage) -> tuple[str, Mapping[str, Any]]:
    """The statement and values of a list of messages.

    One index serves it. Few messages are pending or dead, and most are delivered.
    """
    pieces = dict(_OUTBOX_FILTERS)
    if page.state not in (None, "delivered"):
        pieces = {"state": pieces.pop("state"), **pieces}
    given = [name for name in pieces if getattr(page, name) is not None]
    filters = {"outbox_before": page.before}
    for name in given:
        by_its_index, by_another = pieces[name]
        filters[by_its_index if name == given[0] else by_another] = getattr(page, name)
    return _compose("outbox", filters, "newest_messages"), msgspec.structs.asdict(page)


def event_search(asked: EventSearch, *, by_subject: bool) -> tuple[str, Mapping[str, Any]]:
    """The statement and values of a search; what no index serves, each event is asked for."""
    walks_types = asked.source is None and not by_subject
    filters = {
        "event_before": asked.before,
        "event_type": asked.type if walks_types else None,
        "event_source": asked.source,
        "event_since": asked.since,
        "event_until": asked.until,
    }
    values = {
        **msgspec.structs.asdict(asked),
        "subject_end": (asked.subject or "") + LAST_TEXT,
        "text": None if asked.text is None else f"%{_escaped(asked.text)}%",
    }
    head = "searched_subjects" if by_subject else "searched"
    return _compose(head, filters, "searched_fitting"), values


def _escaped(text: str) -> str:
    """`text` as LIKE takes it word for word."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def _compose(head: str, filters: Mapping[str, Any], tail: str) -> str:
    conditions = " AND ".join(_SQL[name] for name, value in filters.items() if value is not None)
    where = f"WHERE {conditions}" if conditions else ""
    return f"{_SQL[head]} {where} {_SQL[tail]}"


def _values(page: Page) -> Mapping[str, Any]:
    return {name: getattr(page, name) for name in page.__struct_fields__}
