"""The tasks of a run as rows: state, attempts and where their time went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triphammer.flows.journal import TaskRow
from triphammer.service.web import models, views
from triphammer.service.web.console.place import Place
from triphammer.service.web.run_overview import RunOverview
from triphammer.service.web.timing import RunTime, Timeline, Track, timeline

NO_COUNTS: Mapping[str, int] = {}
EMPTY = Track("", ())


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One row. `counts` are the items of a map by state; `finished` tells of the whole map."""

    name: str
    kind: str
    state: str
    task: models.Task | None
    counts: Mapping[str, int]
    track: Track
    link: str

    @property
    def items(self) -> int:
        """How many items there are so far."""
        return sum(self.counts.values())


def drawn_time(seen: RunOverview, now: int) -> Timeline:
    """Where the time of a run and its tasks went."""
    row = seen.row
    time = RunTime(row.created_at, row.started_at, row.finished_at, row.state, now, seen.retries)
    return timeline(time, seen.nodes, seen.tasks, seen.failed)


def task_lines(seen: RunOverview, drawn: Timeline, place: Place) -> Sequence[TaskLine]:
    """Those that have begun in the order in which they did, then those that have not."""
    nodes = {node["name"]: node for node in seen.nodes}
    begun = sorted(seen.tasks.values(), key=_began)
    names = [*(task.name for task in begun), *(name for name in nodes if name not in seen.tasks)]
    return [
        TaskLine(
            name=name,
            kind=nodes[name]["kind"] if name in nodes else "task",
            state=seen.state(name),
            task=views.task(seen.tasks[name]) if name in seen.tasks else None,
            counts=seen.items.get(name, NO_COUNTS),
            track=drawn.tracks.get(name, EMPTY),
            link=place.to_task(name),
        )
        for name in names
    ]


def task_states(seen: RunOverview) -> dict[str, dict[str, Any]]:
    """What the drawings of a graph show of each task."""
    names = {*seen.tasks, *(node["name"] for node in seen.nodes)}
    return {
        name: {
            "state": seen.state(name),
            "attempt": seen.tasks[name].attempt if name in seen.tasks else 0,
            "items": dict(seen.items.get(name, NO_COUNTS)),
        }
        for name in names
    }


def counted(seen: RunOverview) -> Mapping[str, int]:
    """How many tasks are in which state."""
    counts: dict[str, int] = {}
    for name in {node["name"] for node in seen.nodes if "[]/" not in node["name"]} | set(
        seen.tasks
    ):
        state = seen.state(name)
        counts[state] = counts.get(state, 0) + 1
    return counts


def failed_tasks(seen: RunOverview) -> Sequence[TaskRow]:
    """Those that failed in the order in which they did: the first is most likely the reason for
    what came after."""
    failed = [task for task in seen.tasks.values() if task.state == "failed"]
    return sorted(failed, key=lambda task: task.finished_at or 0)


def _began(task: TaskRow) -> tuple[bool, int]:
    return task.started_at is None, task.started_at or 0
