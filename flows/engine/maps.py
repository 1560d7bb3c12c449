"""The items of a map: what they are, how many run at once, what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from triphammer.flows.engine.run_scope import MapResult
from triphammer.flows.engine.values import Launch
from triphammer.flows.expr import Scope, resolve
from triphammer.flows.graph import Node
from triphammer.flows.journal import Encoded, ErrorInfo, TaskRow
from triphammer.flows.outcomes import Failed


def items_of(node: Node, scope: Scope) -> list[tuple[Any, ...]]:
    """The arguments of each item: the collections zipped, or crossed with `cross=True`.

    Raises TypeError for something that has no items, ValueError for unequal lengths.
    """
    columns = [_column(node, resolve(arg, scope)) for arg in node.args]
    if node.options.cross:
        return list(product(*columns))
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise ValueError(f"{node.name} maps over collections of unequal lengths {sorted(lengths)}")
    return list(zip(*columns, strict=True))


def _column(node: Node, value: Any) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        kind = type(value).__name__  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        raise TypeError(f"{node.name} maps over a list, got {kind}")
    return list(value)


def item_number(task: str) -> tuple[str, int | None]:
    """The node and the item's number of `enrich[17]`; None for a task that is no item."""
    if not task.endswith("]"):
        return task, None
    name, _, number = task[:-1].rpartition("[")
    return name, int(number)


class MapProgress:
    """How far the items of one map are. At most `max_parallel` are under way."""

    def __init__(self, node: Node, items: list[tuple[Any, ...]], started_at: int) -> None:
        self.node = node
        self.items = items
        self.total = len(items)
        self.left = self.total
        self.started_at = started_at
        self._outcomes: list[Encoded | Failed | None] = [None] * self.total
        self._under_way = 0
        self._next = 0
        self._attempts: dict[int, tuple[int, int]] = {}
        self._settled: set[int] = set()
        self._first_error: tuple[int, ErrorInfo] | None = None
        self._failed = 0

    @classmethod
    def recalled(cls, node: Node, row: TaskRow, rows: Mapping[str, TaskRow]) -> MapProgress:
        """A map that had settled before a restart: only its results are needed."""
        progress = cls(node, [()] * (row.items or 0), row.started_at or 0)
        progress.recall(rows)
        return progress

    def recall(self, rows: Mapping[str, TaskRow]) -> None:
        """Take over what the journal says of the items."""
        if not rows:
            return
        for item in range(self.total):
            row = rows.get(f"{self.node.name}[{item}]")
            if row is None:
                continue
            if row.state == "succeeded":
                self._settle(item, row.result)
            elif row.state == "failed" and row.error is not None:
                self._fail(item, row.error, row.attempt)
            elif row.state in ("running", "retrying"):
                self._attempts[item] = (row.attempt + 1, row.due_at or 0)

    def next_launches(self) -> list[Launch]:
        """The items that may begin now."""
        launches: list[Launch] = []
        while self._next < self.total and self._under_way < self.node.options.max_parallel:
            item = self._next
            self._next += 1
            if item in self._settled:
                continue
            self._under_way += 1
            attempt, due = self._attempts.pop(item, (1, 0))
            name = f"{self.node.name}[{item}]"
            launches.append(Launch(self.node, name, attempt, item, self.items[item], due))
        return launches

    def succeed(self, item: int, value: Encoded | None) -> None:
        """An item under way has succeeded."""
        self._under_way -= 1
        self._settle(item, value)

    def fail(self, item: int, error: ErrorInfo, attempts: int) -> None:
        """An item under way has failed for good."""
        self._under_way -= 1
        self._fail(item, error, attempts)

    def _settle(self, item: int, outcome: Encoded | Failed | None) -> None:
        self._outcomes[item] = outcome
        self._settled.add(item)
        self.left -= 1

    def _fail(self, item: int, error: ErrorInfo, attempts: int) -> None:
        self._failed += 1
        if self._first_error is None:
            self._first_error = (item, error)
        argument = self.items[item]
        shown = argument[0] if len(argument) == 1 else argument
        keep = self.node.options.errors == "collect"
        self._settle(item, Failed(shown, error, attempts) if keep else None)

    def verdict(self) -> tuple[str, ErrorInfo | None]:
        """The map's own state once no item is left, and why it failed."""
        if self._first_error is None or self.node.options.errors != "fail":
            return "succeeded", None
        item, error = self._first_error
        text = f"{self._failed} of {self.total} items failed, first item {item}: {error.message}"
        return "failed", ErrorInfo(error.type, text, error.traceback)

    def result(self) -> MapResult:
        """What dependents get."""
        return MapResult(self._outcomes, self.node.options.errors)
