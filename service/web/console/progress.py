"""How far a run is: which of its tasks have ended, and what it is doing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from triphammer.flows.journal import TaskRow

ENDED = frozenset(("succeeded", "failed", "skipped", "cancelled"))
DOING = ("running", "retrying", "waiting")
MOST = 3
"""Tasks of a run that are named at once."""
WIDEST = 5_000
"""Items of a map that are counted; of a wider one only the number of items is told."""


@dataclass(frozen=True, slots=True)
class Doing:
    """A task under way. `done` of `total`: its items, or what it says itself; 0 of 0: unknown."""

    name: str
    state: str
    attempt: int
    done: float = 0
    total: float = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` tasks have ended; `doing` are some of those under way, `more` others."""

    done: int
    total: int
    doing: Sequence[Doing]
    more: int


def progress(
    nodes: Collection[str], tasks: Sequence[TaskRow], items: Mapping[str, Mapping[str, int]]
) -> Progress:
    """Of a run whose graph has `nodes`; `items` counts those of its maps by state."""
    known = [task for task in tasks if task.name in nodes]
    under_way = sorted(
        (task for task in tasks if task.state in DOING), key=lambda task: DOING.index(task.state)
    )
    return Progress(
        done=sum(task.state in ENDED for task in known),
        total=max(len(nodes), len(known)),
        doing=[_doing(task, items.get(task.name, {})) for task in under_way[:MOST]],
        more=max(0, len(under_way) - MOST),
    )


def has_items(tasks: Sequence[TaskRow]) -> bool:
    """Whether a map is under way whose items are worth counting."""
    return any(task.state in DOING and 0 < (task.items or 0) <= WIDEST for task in tasks)


def _doing(task: TaskRow, items: Mapping[str, int]) -> Doing:
    done, total = task.progress or (0.0, 0.0)
    if task.items:
        done, total = sum(items.get(state, 0) for state in ENDED), task.items
    return Doing(task.name, task.state, task.attempt, done, total)
