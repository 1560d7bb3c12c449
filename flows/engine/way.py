"""Names of tasks in a run, read: `shop[3]/load[2]` is item 2 of `load` inside item 3 of `shop`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple, NoReturn

from triphammer.flows.bodies import MARK
from triphammer.flows.errors import UnknownTask
from triphammer.flows.graph import Graph

_STEP = re.compile(r"([^\[\]]+)(?:\[(\d{1,9})\](?:/(?=.)|$)|$)")
_NUMBER = re.compile(r"\[(\d+)\]")


class Level(NamedTuple):
    """A graph in a run: the names of its nodes begin with `prefix`, as drawn with `level`."""

    graph: Graph
    prefix: str
    level: str

    def full(self, name: str) -> str:
        """The name in this run of a node of the graph."""
        return self.prefix + name[len(self.level) :]


class Step(NamedTuple):
    """A node on the way to a task, and which item or turn of it; None: all of it. Or a group or
    sub-flow: all that is in it."""

    short: str
    number: int | None

    def is_at(self, level: Level, name: str) -> bool:
        """Whether it is about this node."""
        meant = level.level + self.short
        return meant == name or meant in level.graph.nodes[name].groups


def numbers_in(task: str) -> Iterator[tuple[str, str, int]]:
    """The nodes that a task is an item of, or inside of one, outermost first: the node's name,
    the item's, its number."""
    for match in _NUMBER.finditer(task):
        yield task[: match.start()], task[: match.end()], int(match[1])


def the_way(graph: Graph, task: str, numbers: Mapping[str, Sequence[int]]) -> Sequence[Step]:
    """The way to `task`, level by level; `numbers` are the items there are of each node.

    Raises `UnknownTask`, which names what is near.
    """
    level, rest, way = Level(graph, "", ""), task, list[Step]()
    while True:
        match = _STEP.match(rest)
        name = level.level + ("" if match is None else match[1])
        if match is None:
            _unknown(task, level)
        if name not in level.graph.nodes:
            if match.end() == len(rest) and match[2] is None and _is_group(name, level.graph):
                return [*way, Step(match[1], None)]
            _unknown(task, level)
        node, full, rest = level.graph.nodes[name], level.full(name), rest[match.end() :]
        way.append(Step(match[1], None if match[2] is None else int(match[2])))
        number = way[-1].number
        if number is not None and number not in numbers.get(full, ()):
            raise UnknownTask(f"{full} has no number {number}: {_there(numbers.get(full, ()))}")
        if not rest:
            return way
        if number is None or node.body is None:
            _unknown(task, level)
        level = Level(node.body, f"{full}[{number}]/", name + MARK)


def _is_group(name: str, graph: Graph) -> bool:
    return any(name in node.groups for node in graph.nodes.values())


def _there(numbers: Sequence[int]) -> str:
    return f"there are {numbers[0]} to {numbers[-1]}" if numbers else "the run has none of it"


def _unknown(task: str, level: Level) -> NoReturn:
    names = [level.full(name) for name in level.graph.nodes]
    near = get_close_matches(task, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
    raise UnknownTask(f"the run has no task {task!r}; {hint}")
