"""All that has happened in a simulation as lines that two simulations can be compared by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from triphammer.flows.journal import TaskRow
from triphammer.sensors.times import micros, rfc3339
from triphammer.service.store.contract import EventRow, Page, RunRow, Store
from triphammer.testing.clock import moment

MANY = 1_000_000
_ID = re.compile(r"\b(evt|run|msg)_[0-9a-f]{32}\b")


async def trace_of(store: Store) -> Sequence[str]:
    """Events and runs with their tasks and failed attempts, in the order of their beginning.

    Runs are numbered by flow; ids that are made anew each time are left out of results, too.
    """
    events = list(reversed(await store.events(Page(limit=MANY))))
    runs = list(reversed(await store.runs(Page(limit=MANY))))
    lines = [(micros(e.event.received_at), _event(e)) for e in events]
    numbers: dict[str, int] = {}
    for run in runs:
        numbers[run.flow] = numbers.get(run.flow, 0) + 1
        name = f"{run.flow}#{numbers[run.flow]}"
        lines += [(run.created_at, line) for line in _run(name, run)]
        for attempt in await store.failed_attempts(run.id):
            text = f"{name} {attempt.task} attempt {attempt.attempt} failed {attempt.error.message}"
            lines.append((attempt.finished_at, f"{_time(attempt.finished_at)} {text}"))
        for task in await store.tasks(run.id):
            lines.append((task.finished_at or task.started_at or 0, _task(name, task)))
    # Sorting is stable: what happens at one moment stays in the order of the store.
    return [_ID.sub(r"\1", line) for _, line in sorted(lines, key=lambda line: line[0])]


def _event(row: EventRow) -> str:
    event = row.event
    return f"{_time(micros(event.received_at))} event {event.type} {event.subject or ''}".rstrip()


def _run(name: str, run: RunRow) -> Iterator[str]:
    error = "" if run.error is None else f" {run.error.message}"
    yield (
        f"{_time(run.created_at)} {name} {_span(run.started_at, run.finished_at)} "
        f"{run.state}{error}"
    )


def _task(name: str, task: TaskRow) -> str:
    error = "" if task.error is None else f" {task.error.message}"
    result = "" if task.result is None else f" {task.result.body!r}"
    return (
        f"{_time(task.finished_at or task.started_at)} {name} {task.name} "
        f"{_span(task.started_at, task.finished_at)} {task.state} attempt {task.attempt}"
        f"{result}{error}"
    )


def _span(begun: int | None, ended: int | None) -> str:
    return f"{_time(begun)}..{_time(ended)}"


def _time(at: int | None) -> str:
    return "-" if at is None else rfc3339(moment(at))
