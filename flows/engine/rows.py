"""Rows of the journal: made from what happened, and read again after a restart."""

from __future__ import annotations

import msgspec

from triphammer.flows.engine.values import Launch
from triphammer.flows.errors import Interrupted
from triphammer.flows.executors.contract import AttemptResult
from triphammer.flows.journal import Encoded, ErrorInfo, TaskRow
from triphammer.flows.outcomes import UPSTREAM_FAILED


def row_of(result: AttemptResult, state: str) -> TaskRow:
    """The row of an attempt that has ended."""
    return TaskRow(
        name=result.id.task,
        state=state,
        attempt=result.id.attempt,
        started_at=result.started_at,
        finished_at=result.finished_at,
        result=result.value,
        error=result.error,
        progress=result.progress,
        cache_key=result.cache_key,
        cached_from=result.cached_from,
    )


def retrying(result: AttemptResult, due: int) -> TaskRow:
    """The row of a failed attempt that is followed by another at `due`."""
    row = row_of(result, "retrying")
    return msgspec.structs.replace(row, due_at=due)


def resumed(row: TaskRow | None, first: Launch, now: int) -> tuple[int, Launch]:
    """When which attempt begins, given what the journal says of the last one.

    Never later than its whole wait from `now` on: the clock may have been set back meanwhile.
    """
    if row is None or row.state not in ("running", "retrying"):
        return 0, first
    attempt = row.attempt + 1 if row.state == "retrying" else max(row.attempt, 1)
    due = 0
    if row.state == "retrying" and row.due_at is not None:
        due = min(row.due_at, now + max(0, row.due_at - (row.finished_at or 0)))
    return due, msgspec.structs.replace(first, attempt=attempt)


def skipped_row(name: str, now: int, why: str | None = None) -> TaskRow:
    """The row of a task that does not run: it is not wanted, or an upstream failed (`why`)."""
    error = None if why is None else ErrorInfo(UPSTREAM_FAILED, why)
    return TaskRow(name=name, state="skipped", finished_at=now, error=error)


def failed_row(name: str, row: TaskRow | None, error: ErrorInfo, now: int) -> TaskRow:
    """The row of a task that fails without an attempt of its own; `row` is the one before."""
    return TaskRow(
        name=name,
        state="failed",
        attempt=0 if row is None else row.attempt,
        started_at=None if row is None else row.started_at,
        finished_at=now,
        error=error,
    )


def many_row(
    name: str,
    began: int,
    now: int,
    error: ErrorInfo | None,
    items: int,
    result: Encoded | None = None,
    *,
    skipped: bool = False,
) -> TaskRow:
    """The row of a map or loop as a whole, which has ended."""
    return TaskRow(
        name=name,
        state="succeeded" if error is None else "skipped" if skipped else "failed",
        attempt=1,
        started_at=began,
        finished_at=now,
        result=result,
        error=error,
        items=items,
    )


def interrupted(row: TaskRow) -> ErrorInfo:
    """Why an attempt that may run at most once has failed."""
    text = (
        f"the daemon ended during attempt {row.attempt}; whether it was carried out is not "
        "known, and at_most_once=True forbids to begin it again"
    )
    return ErrorInfo(Interrupted.__name__, text)


CANCELLED = "Cancelled"
"""The type of error in the rows of a run that was cancelled."""


RUN_TIMEOUT = "RunTimeout"
"""The same of a run that took longer than its flow's timeout: it ends as failed."""


def cancelled(row: TaskRow, why: ErrorInfo, now: int) -> TaskRow:
    """The row of a task that was under way, or not yet, when its run was cancelled."""
    return TaskRow(
        name=row.name,
        state="cancelled",
        attempt=row.attempt,
        started_at=row.started_at,
        finished_at=now,
        error=why,
        items=row.items,
    )
