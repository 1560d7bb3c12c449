"""The items of a map: what they are, how many run at once, what becomes of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import product
from typing import Any

from triphammer.flows.engine.plan import PlannedNode
from triphammer.flows.engine.run_scope import MapResult, RunScope
from triphammer.flows.engine.values import Launch
from triphammer.flows.expr import Scope, resolve
from triphammer.flows.graph import Node
from triphammer.flows.journal import Encoded, ErrorInfo, TaskRow
from triphammer.flows.outcomes import Failed

Item = tuple[Any, ...]
_MISSING: Item = (None,)


def items_of(node: Node, scope: Scope) -> list[Item]:
    """The arguments of each item: the collections zipped, or crossed with `cross=True`.

    Raises TypeError for something that has no items, ValueError for unequal lengths.
    """
    columns = [_column(node, resolve(arg, scope)) for arg in node.args]
    if node.options.cross:
        return list(product(*columns))
    if len({len(column) for column in columns}) > 1:
        lengths = " and ".join(str(len(column)) for column in columns)
        raise ValueError(
            f"{node.name}.map() zips collections of unequal lengths, {lengths}: make them equal, "
            "or write .options(cross=True)"
        )
    return list(zip(*columns, strict=True))


def _column(node: Node, value: Any) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        kind = type(value).__name__  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        raise TypeError(f"{node.name}.map() takes a list of items, got {kind}")
    return list(value)


def item_number(task: str) -> tuple[str, int | None]:
    """The node and the item's number of `enrich[17]`; None for a task that is no item."""
    if not task.endswith("]"):
        return task, None
    name, _, number = task[:-1].rpartition("[")
    return name, int(number)


class MapProgress:
    """How far the items of one map are. At most `max_parallel` are under way; an item that
    waits for a retry gives its place to another. `open` have begun and have no outcome yet."""

    __slots__ = (
        "_again",
        "_failed",
        "_first",
        "_most",
        "_next",
        "_outcomes",
        "_settled",
        "_skipped",
        "_under_way",
        "items",
        "left",
        "name",
        "open",
        "planned",
        "scope",
        "started_at",
        "total",
    )

    def __init__(
        self,
        planned: PlannedNode,
        items: list[Item],
        started_at: int,
        name: str,
        scope: RunScope | None = None,
    ) -> None:
        self.planned = planned
        self.name = name
        self.scope = scope
        self.items = items
        self.total = len(items)
        self.left = self.total
        self.started_at = started_at
        self._most = planned.node.options.max_parallel
        self._outcomes: list[Encoded | Failed | None] = [None] * self.total
        self._settled = bytearray(self.total)
        self._under_way = 0
        self._next = 0
        self._again: deque[Launch] = deque()
        self._first: tuple[int, ErrorInfo] | None = None
        self._failed = 0
        self._skipped: list[ErrorInfo] = []
        self.open: set[int] = set()

    def launch(self, item: int, attempt: int) -> Launch:
        """The attempt of one item, with the item's arguments."""
        self.open.add(item)
        name = f"{self.name}[{item}]"
        return Launch(self.planned, name, attempt, item, self.items[item], self.scope)

    def leave_out(self, item: int) -> None:
        """This item is taken care of: `take` must not begin it by itself."""
        self._settled[item] = 1

    def again(self, launch: Launch) -> None:
        """A retry is due, or an attempt was interrupted: it goes before items not begun."""
        self._again.append(launch)

    def take(self) -> list[Launch]:
        """The attempts that may begin now; they are under way from here on."""
        launches: list[Launch] = []
        while self._under_way < self._most:
            if self._again:
                launches.append(self._again.popleft())
            elif (item := self._next_item()) is not None:
                launches.append(self.launch(item, 1))
            else:
                break
            self._under_way += 1
        return launches

    def _next_item(self) -> int | None:
        while self._next < self.total:
            item = self._next
            self._next += 1
            if not self._settled[item]:
                return item
        return None

    def hold(self) -> None:
        """An item goes on where it was: it takes a place from the start."""
        self._under_way += 1

    def pause(self) -> None:
        """An attempt under way has failed and will be retried: its place is free meanwhile."""
        self._under_way -= 1

    def succeed(self, item: int, value: Encoded | None) -> None:
        """An item under way has succeeded."""
        self._under_way -= 1
        self.settle(item, value)

    def fail(self, item: int, error: ErrorInfo, attempts: int) -> None:
        """An item under way has failed for good."""
        self._under_way -= 1
        self.settle_failed(item, error, attempts)

    def skip(self, item: int, why: ErrorInfo, attempts: int) -> None:
        """An item under way has skipped itself."""
        self._under_way -= 1
        self.settle_skipped(item, why, attempts)

    def settle(self, item: int, outcome: Encoded | Failed | None) -> None:
        """An item has its outcome."""
        self._outcomes[item] = outcome
        self._settled[item] = 1
        self.open.discard(item)
        self.left -= 1

    def settle_failed(self, item: int, error: ErrorInfo, attempts: int) -> None:
        """An item has failed for good after `attempts` attempts."""
        self._failed += 1
        if self._first is None or item < self._first[0]:
            self._first = (item, error)
        self.settle(item, self._collected(item, error, attempts))

    def settle_skipped(self, item: int, why: ErrorInfo, attempts: int) -> None:
        """An item has skipped itself: it is left out of the results."""
        self._skipped.append(why)
        self.settle(item, self._collected(item, why, attempts))

    def _collected(self, item: int, error: ErrorInfo, attempts: int) -> Failed | None:
        """What a dependent gets of an item without a value."""
        if self.planned.node.options.errors != "collect":
            return None
        argument = self.items[item]
        return Failed(argument[0] if len(argument) == 1 else argument, error, attempts)

    def recall(self, row: TaskRow, item: int) -> bool:
        """Take over an item that had settled before a restart; False if it had not."""
        if row.state == "succeeded":
            self.settle(item, row.result)
        elif row.state == "failed":
            self.settle_failed(item, row.error or ErrorInfo("Unknown", ""), row.attempt)
        elif row.state == "skipped":
            self.settle_skipped(item, row.error or ErrorInfo("Skip", ""), row.attempt)
        else:
            return False
        return True

    def why_skipped(self) -> ErrorInfo | None:
        """Why the map as a whole is skipped: all its items have skipped themselves."""
        return self._skipped[0] if self.total and len(self._skipped) == self.total else None

    def error(self) -> ErrorInfo | None:
        """Why the map as a whole has failed, once no item is left."""
        if self._first is None or self.planned.node.options.errors != "fail":
            return None
        item, error = self._first
        first = f"{self.name}[{item}]: {error.message}"
        text = (
            first
            if self._failed == 1
            else f"{self._failed} of {self.total} items, the first {first}"
        )
        return ErrorInfo(error.type, text, error.traceback)

    def result(self) -> MapResult:
        """What dependents get."""
        return MapResult(self._outcomes, self.planned.node.options.errors)
