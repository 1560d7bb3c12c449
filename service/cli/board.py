"""A run under way, drawn: a line a task, maps as one, with how far they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from triphammer.service.cli.output import STYLES

if TYPE_CHECKING:
    from triphammer.service.web.models import RunInFull

MARKS = {"succeeded": "✓", "failed": "✗", "skipped": "-", "cancelled": "✗", "running": "…"}
ENDED = ("succeeded", "failed", "cancelled", "skipped", "superseded")


@dataclass(slots=True)
class Shown:
    """One task as it is drawn."""

    state: str = "pending"
    progress: str = ""
    items: dict[str, str] = field(default_factory=dict[str, str])
    counts: Counter[str] = field(default_factory=Counter[str])


class Board:
    """What is drawn of one run. Tasks appear in the order in which they begin."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._state = "queued"
        self._tasks: dict[str, Shown] = {}

    def tell(self, text: str) -> None:
        """Take in the news of a task: `NAME STATE`, and how far it is."""
        name, _, rest = text.partition(" ")
        state, _, progress = rest.partition(" ")
        base, bracket, _ = name.rpartition("[")
        if name.endswith("]") and bracket:
            task = self._tasks.setdefault(base, Shown("running"))
            if name in task.items:
                task.counts[task.items[name]] -= 1
            task.items[name] = state
            task.counts[state] += 1
            return
        task = self._tasks.setdefault(name, Shown())
        task.state, task.progress = state, progress

    def show(self, run: RunInFull) -> None:
        """Take in a whole run."""
        self.become(run["state"])
        for told in run["tasks"]:
            reached = told["progress"]
            progress = "" if reached is None else _fraction(reached["done"], reached["total"])
            self.put(told["name"], told["state"], told["items"] or {}, progress)

    def put(self, name: str, state: str, counts: Mapping[str, int], progress: str = "") -> None:
        """Take in how a task is, and of a map how many items are in which state."""
        task = self._tasks.setdefault(name, Shown())
        task.state, task.counts, task.progress = state, Counter(counts), progress

    def become(self, state: str) -> None:
        """The run is in this state."""
        self._state = state

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max(1, (options.max_height or console.height) - 4)
        drawn = Table.grid(padding=(0, 1))
        told, left = self._in(room)
        for name, task in told:
            drawn.add_row(*_cells(name, task))
        yield Text.assemble((self._title, "bold"), " ", _state(self._state))
        yield drawn
        if left:
            yield Text(f"and {left} more tasks", style="dim")

    def _in(self, room: int) -> tuple[list[tuple[str, Shown]], int]:
        """The tasks that there is room for: what goes on before what has ended well."""
        tasks = list(self._tasks.items())
        if len(tasks) <= room:
            return tasks, 0
        dull = [name for name, task in tasks if task.state in ("succeeded", "skipped", "pending")]
        gone = set(dull[: len(tasks) - room])
        kept = [(name, task) for name, task in tasks if name not in gone]
        return kept[:room], len(tasks) - min(len(kept), room)


def _cells(name: str, task: Shown) -> tuple[Any, ...]:
    mark = Text(MARKS.get(task.state, "·"), style=STYLES.get(task.state, "dim"))
    return mark, Text(name), _state(task.state), Text(_far(task), style="dim")


def _far(task: Shown) -> str:
    if task.progress:
        return task.progress
    total = sum(task.counts.values())
    if not total:
        return ""
    done = sum(task.counts[state] for state in ENDED)
    failed = task.counts["failed"]
    return f"{_fraction(done, total)} items" + (f", {failed} failed" if failed else "")


def _fraction(done: float, total: float) -> str:
    return f"{done:g} of {total:g}"


def _state(state: str) -> Text:
    return Text(state, style=STYLES.get(state, ""))
