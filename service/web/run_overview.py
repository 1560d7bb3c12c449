"""One run as its page sees it: bounded, without the results of all its tasks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from triphammer.flows.journal import TaskRow
from triphammer.service.dispatcher.decide import RUNS
from triphammer.service.store.contract import Page, RunRow
from triphammer.service.store.run_reads import AttemptTime
from triphammer.service.web import models, views
from triphammer.service.web.reading import Reading

TASKS = 2000
"""Tasks of a run that its page shows; items of maps are counted instead."""
ATTEMPTS = 5000
"""Failed attempts that are drawn."""
PLACES = 5000
"""Groups of tasks inside items that are counted."""
STATES = ("running", "retrying", "waiting", "failed", "cancelled", "succeeded", "skipped")
"""Those of several tasks: the first that any of them has stands for all."""
_NUMBER = re.compile(r"\[\d+\]")
CAUSED = 20
"""Runs shown that a run has caused."""


@dataclass(frozen=True, slots=True)
class RunOverview:
    """A run, its graph (none when its code is gone), its tasks as far as they have begun, how many
    items of which map are in which state, and what stands around it."""

    row: RunRow
    run: models.Run
    nodes: Sequence[models.Node]
    tasks: Mapping[str, TaskRow]
    items: Mapping[str, Mapping[str, int]]
    failed: Sequence[AttemptTime]
    waits: Sequence[models.Wait]
    queued_for: str | None
    still_running: Sequence[str]
    retries: Sequence[int] = ()
    """When operators had it begin again. `row` tells only when it began and ended since then."""

    @property
    def ended(self) -> bool:
        """Whether nothing of it goes on."""
        return self.row.finished_at is not None

    def state(self, name: str) -> str:
        """The state of a task; one that has not begun is pending. A task inside the items of a map
        runs while any of them does, and has failed when any of them has."""
        task = self.tasks.get(name)
        if task is not None:
            return task.state
        return next((state for state in STATES if state in self.items.get(name, ())), "pending")


class CausedRun(NamedTuple):
    """A run that another has caused, and `by` which of its tasks, or "its end"."""

    id: str
    flow: str
    state: str
    by: str


async def overview_of(reading: Reading, id: str) -> RunOverview:
    """The run of this id, or a unique beginning of it. Raises `UnknownRun`, `NotFound`."""
    row = await reading.run_row(id)
    store = reading.store
    graph = await reading.graph_of(row)
    tasks = await store.task_states(row.id, TASKS)
    mapped = any(task.items is not None for task in tasks)
    return RunOverview(
        row=row,
        run=views.run(row),
        nodes=() if graph is None else graph["nodes"],
        tasks={task.name: task for task in tasks},
        items=await _counts(reading, row.id) if mapped else {},
        failed=await store.attempt_times(row.id, ATTEMPTS),
        waits=[views.wait(wait) for wait in await store.waits(row.id) if wait.wait.task],
        queued_for=await reading.queued_for(row) if row.state == "queued" else None,
        still_running=reading.still_running(row.id),
        retries=await _retries(reading, row) if row.retried else (),
    )


async def _retries(reading: Reading, row: RunRow) -> Sequence[int]:
    return [one.at for one in await reading.store.operations(row.id) if one.what == "retry"]


async def _counts(reading: Reading, run: str) -> Mapping[str, Mapping[str, int]]:
    """How many items of which map are in which state, and tasks inside of items by the node that
    they are."""
    counts = {name: dict(states) for name, states in (await reading.store.item_counts(run)).items()}
    for place, state, count in await reading.store.inner_counts(run, PLACES):
        inner = counts.setdefault(_NUMBER.sub("[]", place), {})
        inner[state] = inner.get(state, 0) + count
    return counts


async def runs_caused_by(reading: Reading, seen: RunOverview) -> Sequence[CausedRun]:
    """The runs that its tasks have started, and those that run on its end."""
    started: list[CausedRun] = []
    for node in seen.nodes:
        if len(started) < CAUSED:  # a graph may start hundreds, and each is looked up
            started += await _started(reading, seen, node)
    ended = await reading.store.runs_caused(RUNS, seen.row.id, CAUSED)
    return [*started[:CAUSED], *(CausedRun(*run, "its end") for run in ended)]


async def _started(reading: Reading, seen: RunOverview, node: models.Node) -> Sequence[CausedRun]:
    """The runs that a `start()` of the graph has begun: its result is the id of their event."""
    if node["kind"] != "start" or seen.state(node["name"]) != "succeeded":
        return ()
    task = await reading.store.task_named(seen.row.id, node["name"])
    id = None if task is None else views.value(task.result)
    event = await reading.store.event_by_id(RUNS, id) if isinstance(id, str) else None
    if event is None:
        return ()
    rows = await reading.store.runs(Page(limit=CAUSED, event=event.event.key))
    return [CausedRun(row.id, row.flow, row.state, node["name"]) for row in rows]
