"""What the journal says of a run that goes on after a restart.

What is settled stays. An attempt that was under way is begun again under its own number,
since it has not failed: it does not count against `retries`. With `at_most_once` it fails as
`Interrupted`, for good.
"""

from __future__ import annotations

from collections.abc import Mapping

from triphammer.flows.engine.maps import MapProgress, items_of
from triphammer.flows.engine.part import NodeState
from triphammer.flows.engine.rows import CANCELLED, failed_row, interrupted, resumed
from triphammer.flows.engine.values import Step
from triphammer.flows.journal import ErrorInfo, TaskRow
from triphammer.flows.outcomes import UPSTREAM_FAILED

Rows = Mapping[str, TaskRow]


def how_settled(row: TaskRow | None) -> str:
    """How a node had ended; "" if it had not."""
    if row is None or row.state not in ("succeeded", "failed", "skipped", "cancelled"):
        return ""
    blocked = row.error is not None and row.error.type == UPSTREAM_FAILED
    return "blocked" if row.state == "skipped" and blocked else row.state


def why_cancelled(rows: Rows) -> ErrorInfo | None:
    """Why the run was being cancelled when the daemon ended; None if it was not."""
    for row in rows.values():
        if row.state == "cancelled":
            return row.error or ErrorInfo(CANCELLED, "")
    return None


def begun_inside(state: NodeState, rows: Rows) -> set[int]:
    """The items or turns of a node of which some task inside has a row."""
    start = f"{state.name}["
    found = (name[len(start) :].partition("]/") for name in rows if name.startswith(start))
    return {int(number) for number, mark, _ in found if mark}


def recalled_map(state: NodeState, row: TaskRow, rows: Rows) -> MapProgress:
    """A map that had succeeded, with its results."""
    planned, total = state.planned, row.items or 0
    # Only `Failed` of `collect` tells of the item itself.
    collects = planned.node.options.errors == "collect"
    items = items_of(planned.node, state.part.scope) if collects else [()] * total
    progress = MapProgress(planned, items, row.started_at or 0, state.name)
    for item in range(total):
        known = rows.get(f"{state.name}[{item}]")
        if known is not None:
            progress.recall(known, item)
    return progress


def recall_items(
    state: NodeState, progress: MapProgress, rows: Rows, step: Step, now: int
) -> list[TaskRow]:
    """Take over what is known of the items of a map that was under way; those that wait for a
    delivery are returned."""
    waits: list[TaskRow] = []
    for item in range(progress.total):
        row = rows.get(f"{state.name}[{item}]")
        if row is None or progress.recall(row, item):
            continue
        if row.state == "running" and state.at_most_once:
            error = interrupted(row)
            step.rows.append(failed_row(row.name, row, error, now))
            progress.settle_failed(item, error, row.attempt)
            continue
        progress.leave_out(item)
        if row.state == "waiting":
            waits.append(row)
            progress.hold()
            continue
        due, launch = resumed(row, progress.launch(item, 1), now)
        if due > now:
            step.later.append((due, launch))
        else:
            progress.again(launch)
    return waits
