"""What `looking.py` answers, made of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from triphammer.flows.journal import ErrorInfo
from triphammer.service.dispatcher.intake import OTHERS, Rates
from triphammer.service.store.contract import OutboxRow, RunRow
from triphammer.service.store.looking import DayCount, FlowStats, GridRun, GridTask, RecentRun
from triphammer.service.web import looking_models as models
from triphammer.service.web import views
from triphammer.service.web.views import moment

LONGEST = 20_000
"""Bytes of a message or a result that are shown."""
SOURCES = 20
"""Sources whose rates are told."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = 1_000_000


def recent(run: RecentRun, flow: str) -> models.RunInShort:
    """A run as charts show it."""
    return {
        "id": run.id,
        "flow": flow,
        "state": run.state,
        "created_at": moment(run.created_at),
        "started_at": moment(run.started_at),
        "finished_at": moment(run.finished_at),
        "seconds": run.seconds,
    }


def in_short(row: RunRow) -> models.RunInShort:
    """A run without what was given and what came out."""
    run = RecentRun(
        id=row.id,
        state=row.state,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
    return recent(run, row.flow)


def failure(row: RunRow) -> models.Failure:
    """A run that has failed, and why."""
    return {**in_short(row), "reason": reason(row.error)}


def reason(error: ErrorInfo | None) -> str | None:
    """An error in one line."""
    return None if error is None else f"{error.type}: {error.message}".removesuffix(": ")


def rates(found: Rates) -> models.EventRates:
    """What has come in of late."""
    sources: list[models.SourceRate] = [
        {
            "source": None if source == OTHERS else source,
            "events": count,
            "per_second": count / found.seconds,
        }
        for source, count in list(found.by_source.items())[:SOURCES]
    ]
    return {
        "seconds": found.seconds,
        "per_second": sum(found.steps) / found.seconds,
        "steps": list(found.steps),
        "sources": sources,
    }


def flow_stats(name: str, stats: FlowStats, days: Sequence[DayCount]) -> models.FlowStats:
    """How a flow has been doing."""
    return {
        "flow": name,
        "ended": [recent(run, name) for run in stats.ended],
        "success_rate": stats.success_rate,
        "p50": stats.duration(0.5),
        "p95": stats.duration(0.95),
        "days": by_day(days),
    }


def by_day(rows: Sequence[DayCount]) -> list[models.DayOfRuns]:
    """Counts in the order of their days."""
    found: dict[int, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row.day, {})[row.state] = row.runs
    return [
        {"day": (_EPOCH + timedelta(days=day)).date().isoformat(), "runs": runs}
        for day, runs in found.items()
    ]


def cell(task: GridTask) -> models.Cell:
    """A task in a grid."""
    ended = task.started_at is not None and task.finished_at is not None
    took = (task.finished_at or 0) - (task.started_at or 0)
    return {
        "name": task.name,
        "state": task.state,
        "attempt": task.attempt,
        "started_at": moment(task.started_at),
        "finished_at": moment(task.finished_at),
        "seconds": took / MICROSECOND if ended else None,
        "items": task.items,
        "failed_items": task.failed_items,
    }


def grid_line(line: GridRun) -> models.GridLine:
    """A run and its tasks."""
    return {
        **recent(line.run, line.flow),
        "version": line.version,
        "tasks": [cell(task) for task in line.tasks],
    }


def message_in_full(row: OutboxRow, refused: str | None) -> models.MessageInFull:
    """A message with its content."""
    message = row.message
    return {
        **views.message(row),
        "flow": row.flow,
        "content_type": message.content_type,
        "headers": dict(message.headers),
        "size": len(message.body or b""),
        "body": _content(message.body),
        "refused": refused,
    }


def _content(body: bytes | None) -> Any:
    if body is None or len(body) > LONGEST:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def compared(row: RunRow) -> models.Compared:
    """One of the runs that are compared."""
    size = 0 if row.result is None else len(row.result.body)
    shown = None if size > LONGEST else views.value(row.result)
    return {
        **in_short(row),
        "version": row.version,
        "event": row.event,
        "params": msgspec.json.decode(row.params),
        "result": None if row.result is None else {"size": size, "value": shown},
        "reason": reason(row.error),
    }


def compared_tasks(lines: Sequence[Mapping[str, GridTask]]) -> list[models.ComparedTask]:
    """The tasks of several runs side by side, in the order in which they first began."""
    names = dict.fromkeys(name for line in lines for name in line)
    return [
        {"name": name, "cells": [cell(line[name]) if name in line else None for line in lines]}
        for name in names
    ]
