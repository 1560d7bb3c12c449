"""Runs side by side: what is the same in all of them, and what is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from triphammer.flows.journal import TaskRow
from triphammer.sensors.event import Event
from triphammer.service.web import views
from triphammer.service.web.run_overview import RunOverview
from triphammer.service.web.shown import Mask, in_short
from triphammer.service.web.timing import lasting

MOST = 6
"""Runs that one page compares."""
SLOWER, NOTABLE = 1.5, 0.1
"""A task is marked that took so many times longer than in another run, and so many seconds."""
FIELDS = 100
"""Parameters, or fields of the event's data, that are compared."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one run has. `state` is set where it is one, `link` leads to it; `share` is how long it
    took, as a part of the longest."""

    text: str = ""
    state: str = ""
    link: str = ""
    share: float = 0
    at: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """What all runs have of one thing; `differs`: not the same."""

    name: str
    cells: Sequence[Cell]
    differs: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """The first run stands for what the others are compared with."""

    runs: Sequence[RunOverview]
    facts: Sequence[Line]
    params: Sequence[Line]
    data: Sequence[Line]
    tasks: Sequence[Line]


def compared(
    runs: Sequence[RunOverview], events: Sequence[Event[Any] | None], now: int, mask: Mask
) -> Comparison:
    """The runs, in their order, with the events that they run on (None: it is gone)."""
    data = [_fields(None if event is None else event.data) for event in events]
    return Comparison(
        runs=runs,
        facts=list(_facts(runs, events, now, mask)),
        params=_named([run.run["params"] for run in runs], mask),
        data=_named(data, mask),
        tasks=list(_tasks(runs, now)),
    )


def _facts(
    runs: Sequence[RunOverview], events: Sequence[Event[Any] | None], now: int, mask: Mask
) -> Iterator[Line]:
    yield _line("State", [Cell(run.row.state, state=run.row.state) for run in runs])
    yield _line("Flow", [Cell(run.row.flow, link=f"/flows/{run.row.flow}") for run in runs])
    yield _line("Version", [Cell(run.row.version) for run in runs])
    yield Line("Created", [Cell(at=views.moment(run.row.created_at)) for run in runs], False)
    waited = [
        None if run.row.retried else (run.row.started_at or now) - run.row.created_at
        for run in runs
    ]
    yield _timed("Was queued for", waited)
    took = [_span(run.row.started_at, run.row.finished_at, now) for run in runs]
    yield _timed("Took", took)
    if any(run.row.retried for run in runs):
        yield _line("Was retried", [Cell(_times_told(run.row.retried)) for run in runs])
    types = [Cell("gone" if event is None else event.type) for event in events]
    yield _line("Event type", types)
    sources = [Cell("gone" if event is None else event.source) for event in events]
    yield _line("Event source", sources)
    subjects = [Cell("" if event is None else event.subject or "") for event in events]
    yield _line("Event subject", subjects)
    errors = [run.run["error"] for run in runs]
    yield _line(
        "Error", [Cell("" if e is None else f"{e['type']}: {e['message']}") for e in errors]
    )
    yield _line("Result", [Cell(_told(run.run["result"], mask)) for run in runs])


def _tasks(runs: Sequence[RunOverview], now: int) -> Iterator[Line]:
    names = list(
        dict.fromkeys(
            name
            for run in runs
            for name in (*(node["name"] for node in run.nodes), *run.tasks)
            if "[]/" not in name
        )
    )
    times = {name: [_time(run.tasks.get(name), now) for run in runs] for name in names}
    longest = max((t for took in times.values() for t in took if t is not None), default=0)
    for name in names:
        cells = [
            Cell(
                text="" if took is None else lasting(took / 1e6),
                state=_state(run, name),
                link=f"/runs/{run.row.id}?{urlencode({'task': name})}#task",
                share=(took or 0) / longest if longest else 0,
            )
            for run, took in zip(runs, times[name], strict=True)
        ]
        states = {cell.state for cell in cells}
        yield Line(name, cells, len(states) > 1 or _is_slower(times[name]))


def _state(run: RunOverview, name: str) -> str:
    """The state of a task; "" where the graph has none of this name."""
    known = name in run.tasks or any(node["name"] == name for node in run.nodes)
    return run.state(name) if known else ""


def _time(task: TaskRow | None, now: int) -> int | None:
    return None if task is None else _span(task.started_at, task.finished_at, now)


def _span(start: int | None, end: int | None, now: int) -> int | None:
    return None if start is None else (now if end is None else end) - start


def _is_slower(took: Sequence[int | None]) -> bool:
    known = [one / 1e6 for one in took if one is not None]
    return len(known) > 1 and max(known) > SLOWER * min(known) + NOTABLE


def _timed(name: str, took: Sequence[int | None]) -> Line:
    longest = max((one for one in took if one is not None), default=0)
    cells = [
        Cell() if one is None else Cell(lasting(one / 1e6), share=one / longest if longest else 0)
        for one in took
    ]
    return Line(name, cells, _is_slower(took))


def _line(name: str, cells: Sequence[Cell]) -> Line:
    return Line(name, cells, len({cell.text for cell in cells}) > 1)


def _named(values: Sequence[Mapping[str, Any]], mask: Mask) -> Sequence[Line]:
    """A line for each name that any of the mappings has."""
    names = list(dict.fromkeys(name for one in values for name in one))[:FIELDS]
    return [
        _line(name, [Cell(in_short(one[name], mask) if name in one else "") for one in values])
        for name in names
    ]


def _fields(data: Any) -> Mapping[str, Any]:
    """The fields of an event's data; what is no mapping is one field by itself."""
    if isinstance(data, Mapping):
        return cast("Mapping[str, Any]", data)
    return {} if data is None else {"data": data}


def _times_told(retried: int) -> str:
    """How often a run was retried, and what that makes of its other times."""
    times = {0: "", 1: "once"}.get(retried, f"{retried} times")
    return times and f"{times}: it took the time since then, and how long it was queued is not kept"


def _told(value: Any, mask: Mask) -> str:
    return "" if value is None else in_short(value, mask)
