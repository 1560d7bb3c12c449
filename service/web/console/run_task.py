"""One task of a run by itself: its attempts, what went in and came out, its items, its files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triphammer.flows.journal import Encoded, TaskRow
from triphammer.service.web import models, views
from triphammer.service.web.console.place import Place
from triphammer.service.web.console.previews import Preview, previews
from triphammer.service.web.reading import Reading
from triphammer.service.web.run_overview import RunOverview
from triphammer.service.web.shown import NOTHING, Mask, Shown, in_short, shown_value

ITEMS = 50
"""Items of a map on one page."""
ATTEMPTS = 20
"""Failed attempts that are told with their errors."""
INPUTS = 8
"""Upstreams whose results are shown in short."""
FILES = 20
_NUMBER = re.compile(r"\[\d*\]")
MOST_BYTES = 2_000_000
"""A larger result is told by its size: it is to be downloaded, or read by the API."""


@dataclass(frozen=True, slots=True)
class Input:
    """A task that this one waits for, and its result in short."""

    name: str
    state: str
    link: str
    value: str


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a map."""

    task: models.Task
    link: str


@dataclass(frozen=True, slots=True)
class TaskPanel:
    """What is known of one task. `owner` is the map of an item, or the item that it is inside of;
    `next` is where the next page of its items is."""

    name: str
    state: str
    node: models.Node | None
    task: models.Task | None
    due_at: str | None
    owner: str
    inputs: Sequence[Input]
    behind: Sequence[Input]
    attempts: Sequence[models.Attempt]
    result: Shown
    size: int
    files: Sequence[Preview]
    counts: Mapping[str, int]
    items: Sequence[Item]
    next: str


async def task_panel(
    reading: Reading, seen: RunOverview, place: Place, mask: Mask
) -> TaskPanel | None:
    """The task of a place; None where the run has none of this name."""
    name = place.task
    node = next((node for node in seen.nodes if node["name"] == node_of(name)), None)
    row = await reading.store.task_named(seen.row.id, name)
    if row is None and (node is None or node["name"] != name):
        return None
    failed = await reading.store.attempts_of(seen.row.id, name, ATTEMPTS)
    kept = await reading.store.artifacts_of_task(seen.row.id, name, FILES)
    items, following = await _items(reading, seen, place)
    result = None if row is None else row.result
    return TaskPanel(
        name=name,
        state="pending" if row is None else row.state,
        node=node,
        task=None if row is None else views.task(row),
        due_at=None if row is None else views.moment(row.due_at),
        owner=owner_of(name),
        inputs=await _inputs(reading, seen, () if node is None else node["upstream"], place, mask),
        behind=[
            Input(one["name"], seen.state(one["name"]), place.to_task(one["name"]), "")
            for one in seen.nodes
            if name in one["upstream"]
        ],
        attempts=[views.attempt(one) for one in failed],
        result=NOTHING if _is_large(result) else shown_value(views.value(result), mask, place.at),
        size=0 if result is None else len(result.body),
        files=await previews(reading, [views.kept(one) for one in kept], mask),
        counts=seen.items.get(name, {}),
        items=items,
        next=following,
    )


def node_of(name: str) -> str:
    """The node of the graph that a task is, an item of, or inside an item of."""
    return _NUMBER.sub("[]", name).removesuffix("[]")


def owner_of(name: str) -> str:
    """The map that `enrich[3]` is of, the item that `shop[3]/load` is inside of; else ""."""
    if name.endswith("]"):
        return name.rpartition("[")[0]
    end = name.rfind("]/")
    return name[: end + 1] if end >= 0 and not name[:end].endswith("[") else ""


def _is_large(result: Encoded | None) -> bool:
    return result is not None and len(result.body) > MOST_BYTES


async def _items(reading: Reading, seen: RunOverview, place: Place) -> tuple[Sequence[Item], str]:
    if place.task not in seen.items:
        return (), ""
    rows = await reading.store.items_of(
        seen.row.id,
        place.task,
        state=place.items or None,
        after=place.after or None,
        limit=ITEMS + 1,
    )
    shown = rows[:ITEMS]
    items = [Item(views.task(row), place.to_task(row.name)) for row in shown]
    more = place.link(after=shown[-1].name, on="items") if len(rows) > ITEMS else ""
    return items, more


async def _inputs(
    reading: Reading, seen: RunOverview, names: Sequence[str], place: Place, mask: Mask
) -> Sequence[Input]:
    found: list[Input] = []
    for number, name in enumerate(names):
        row = await reading.store.task_named(seen.row.id, name) if number < INPUTS else None
        found.append(Input(name, seen.state(name), place.to_task(name), _brief(row, mask)))
    return found


def _brief(row: TaskRow | None, mask: Mask) -> str:
    if row is None or row.result is None or _is_large(row.result):
        return ""
    return in_short(views.value(row.result), mask)
