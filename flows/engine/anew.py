"""What an operator has run again: the tasks of a run that has ended which are to begin anew.

What runs again gives other values, so all that stands behind it runs again as well, and of what
it stands inside of - an item of a mapped flow, a turn of a loop - the row that says it is over.
A setup that a teardown has undone is made again, and undone again, for tasks that need it; the
other tasks that it was made for keep their results. Whatever was cut off by a cancel, or had
not begun, is among it, since nothing else would let the run end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from triphammer.flows.bodies import MARK
from triphammer.flows.engine.recall import how_settled
from triphammer.flows.engine.way import Level, Step, numbers_in, the_way
from triphammer.flows.graph import Graph, Node
from triphammer.flows.journal import TaskRow

Rows = Mapping[str, TaskRow]


class Anew:
    """Finds what runs again of one run, given its graph and the rows of its tasks."""

    def __init__(self, graph: Graph, rows: Rows) -> None:
        self._graph = graph
        self._rows = rows
        self._numbers = _numbers(rows)

    def all(self) -> Collection[str]:
        """Everything."""
        return list(self._rows)

    def since(self, task: str) -> Collection[str]:
        """`task` - a task or group, an item `enrich[17]`, or a task inside one, `shop[3]/load` -
        and all behind it. Raises `UnknownTask`."""
        return self._found(_Wanted(self._unended, self.way(task)))

    def failed(self, task: str | None = None) -> Collection[str]:
        """What failed, was blocked by that or cut off, and all behind it: of maps these items
        only. With `task` what failed of it and behind it. Raises `UnknownTask`."""
        if task is None:
            return self._found(_Wanted(self._unsuccessful))
        near = set(self._found(_Wanted(_nothing, self.way(task))))

        def bad(name: str) -> bool:
            return self._unended(name) or (name in near and self._unsuccessful(name))

        return self._found(_Wanted(bad))

    def way(self, task: str) -> Sequence[Step]:
        """The way to a task of the run. Raises `UnknownTask`."""
        return the_way(self._graph, task, self._numbers)

    def _unended(self, name: str) -> bool:
        return how_settled(self._rows.get(name)) in ("", "cancelled")

    def _unsuccessful(self, name: str) -> bool:
        return how_settled(self._rows.get(name)) not in ("succeeded", "skipped")

    def _found(self, wanted: _Wanted) -> Collection[str]:
        anew = _Found(set(), set())
        self._look(Level(self._graph, "", ""), wanted, anew)
        return [name for name in self._rows if name in anew.alone or _is_in(name, anew.whole)]

    # --- one graph: the run's own, or one inside an item or turn ------------------------------

    def _look(self, level: Level, wanted: _Wanted, anew: _Found) -> bool:
        """Note what runs again on this level and below; whether anything does."""
        how = {
            name: self._node(level, name, wanted.of(level, name), anew)
            for name in level.graph.nodes
        }
        again, made = _closed(level.graph, {name for name, one in how.items() if one})
        for name in again:
            behind = _is_behind(level.graph.nodes[name], again)
            alone = how[name] == "partly" and not behind
            (anew.alone if alone else anew.whole).add(level.full(name))
        anew.whole.update(level.full(name) for name in made)
        return bool(again)

    def _node(self, level: Level, name: str, wanted: _Wanted, anew: _Found) -> str:
        """How a node runs again: "whole", "partly" (some of its items or turns), or ""."""
        if wanted.way and wanted.way[0].number is None:
            return "whole"
        full, is_loop = level.full(name), level.graph.nodes[name].loop is not None
        there = self._numbers.get(full, ())
        inside = [n for n in there if self._item(level, name, n, wanted, anew)]
        if inside:
            if is_loop:  # each turn takes what the one before it gave
                anew.whole.update(f"{full}[{n}]" for n in there if n > inside[0])
            return "partly"
        if not wanted.bad(full):
            return ""
        return "partly" if there and self._unended(full) else "whole"

    def _item(self, level: Level, name: str, number: int, wanted: _Wanted, anew: _Found) -> bool:
        """Whether an item or turn runs again, or anything inside it."""
        item, body = f"{level.full(name)}[{number}]", level.graph.nodes[name].body
        way = wanted.way if wanted.way and wanted.way[0].number == number else ()
        if len(way) == 1:
            anew.whole.add(item)
            return True
        if body is not None and item in self._numbers:
            inner = Level(body, f"{item}/", name + MARK)
            if self._look(inner, _Wanted(wanted.bad, way[1:]), anew) or self._unended(item):
                anew.alone.add(item)
                return True
        if wanted.bad(item):
            anew.whole.add(item)
            return True
        return False


class _Wanted(NamedTuple):
    """Which rows run again by themselves, and the way to a task that somebody has named."""

    bad: Callable[[str], bool]
    way: Sequence[Step] = ()

    def of(self, level: Level, name: str) -> _Wanted:
        """The same for one node."""
        return self if self.way and self.way[0].is_at(level, name) else _Wanted(self.bad)


class _Found(NamedTuple):
    """Rows that begin anew: with all that is inside of them, and without it."""

    whole: set[str]
    alone: set[str]


def _numbers(rows: Rows) -> Mapping[str, Sequence[int]]:
    """The numbers of each node's items or turns; one with something inside is there as well."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for name in rows:
        for node, item, number in numbers_in(name):
            found[node].add(number)
            if item != name:
                found.setdefault(item, set())
    return {name: sorted(numbers) for name, numbers in found.items()}


def _is_in(name: str, whole: Collection[str]) -> bool:
    return name in whole or any(
        node in whole or item in whole for node, item, _ in numbers_in(name)
    )


def _nothing(name: str) -> bool:
    return False


def _closed(graph: Graph, names: Collection[str]) -> tuple[set[str], set[str]]:
    """`names` and what stands behind them, and the setups that are made again for them only:
    what stands behind one of these keeps its result."""
    again, made = set(names), set[str]()
    while True:
        for name, node in graph.nodes.items():  # each after its upstreams
            if _is_behind(node, again):
                again.add(name)
        needed = {setup for name in again | made for setup in graph.nodes[name].setups}
        more = {one for one in needed - again - made if any(_teardowns(graph, one))}
        if not more:
            return again, made - again
        made |= more
        again.update(name for setup in more for name in _teardowns(graph, setup))


def _is_behind(node: Node, again: Collection[str]) -> bool:
    return any(up in again for up in node.above)


def _teardowns(graph: Graph, setup: str) -> Iterator[str]:
    """Those that undo a setup."""
    for name, node in graph.nodes.items():
        undoes = node.upstream if node.undoes is None else node.undoes
        if node.role == "teardown" and setup in undoes:
            yield name
