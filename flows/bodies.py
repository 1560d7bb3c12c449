"""Bodies: graphs inside a node, run once for each item of a mapped flow or turn of a loop.

A body is drawn into the same drawing. Its nodes are named `orders[]/parse`, below the node that
owns them; in a run the brackets hold the number: `orders[3]/parse`. They may use results from
outside, which their owner then waits for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from triphammer.flows.graph import Graph, Node

MARK = "[]/"


def level_of(name: str) -> str:
    """What the names of all nodes of the same body begin with; "" outside of bodies."""
    return name[: name.rfind(MARK) + len(MARK)] if MARK in name else ""


def owner_of(name: str) -> str:
    """The node that a node is inside of; "" outside of bodies."""
    return level_of(name).removesuffix(MARK)


def lifted(name: str, level: str) -> str:
    """The node on `level` that `name` is, or inside of which it is."""
    return level + name[len(level) :].partition(MARK)[0]


def outside(names: Sequence[str], level: str) -> Iterator[str]:
    """Those of `names` that are not in the body of this level."""
    return (name for name in names if not name.startswith(level))


def beside(node: Node) -> list[str]:
    """The nodes of its own body that it waits for."""
    level = level_of(node.name)
    return [name for name in node.above if level_of(name) == level]


def nested(nodes: Mapping[str, Node], results: Mapping[str, Any]) -> Mapping[str, Node]:
    """`nodes`, in order, with those of bodies put into their owners; `results` by owner."""
    levels: dict[str, dict[str, Node]] = {"": {}}
    for name, node in nodes.items():
        upstream = tuple(up for up in node.upstream if level_of(up) == level_of(name))
        levels.setdefault(level_of(name), {})[name] = msgspec.structs.replace(
            node, upstream=upstream
        )
    deepest_first = sorted(results, key=lambda owner: owner.count(MARK), reverse=True)
    for owner in deepest_first:
        body = Graph(nodes=levels.get(owner + MARK, {}), result=results[owner])
        level = levels[level_of(owner)]
        level[owner] = msgspec.structs.replace(level[owner], body=body)
    return levels[""]
