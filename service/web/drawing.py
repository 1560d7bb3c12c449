"""Lays a run's graph out in layers: a node stands right of all its upstreams."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 168, 44, 56, 18, 12


class Box(msgspec.Struct, frozen=True):
    """A node's place in pixels and what it shows."""

    name: str
    state: str
    note: str
    x: int
    y: int
    width: int = WIDTH
    height: int = HEIGHT


class Drawing(msgspec.Struct, frozen=True):
    """Boxes and the SVG paths between them, within `width` x `height` pixels."""

    boxes: Sequence[Box]
    lines: Sequence[str]
    width: int
    height: int


def draw(nodes: Sequence[Mapping[str, Any]], tasks: Mapping[str, Mapping[str, Any]]) -> Drawing:
    """The drawing of `nodes` (each after its upstreams) with the states of their `tasks`."""
    layer: dict[str, int] = {}
    rows: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for node in nodes:
        place = max((layer[up] + 1 for up in node["upstream"]), default=0)
        layer[node["name"]] = place
        rows[place].append(node)
    boxes = {
        node["name"]: _box(node, tasks.get(node["name"], {}), column, row)
        for column, members in rows.items()
        for row, node in enumerate(members)
    }
    lines = [_line(boxes[up], boxes[n["name"]]) for n in nodes for up in n["upstream"]]
    width = max((b.x + b.width for b in boxes.values()), default=0) + MARGIN
    height = max((b.y + b.height for b in boxes.values()), default=0) + MARGIN
    return Drawing(tuple(boxes.values()), lines, width, height)


def _box(node: Mapping[str, Any], task: Mapping[str, Any], column: int, row: int) -> Box:
    return Box(
        name=node["name"],
        state=task.get("state", "pending"),
        note=_note(task),
        x=MARGIN + column * (WIDTH + GAP_X),
        y=MARGIN + row * (HEIGHT + GAP_Y),
    )


def _note(task: Mapping[str, Any]) -> str:
    items = task.get("items")
    if items:
        return f"{items.get('succeeded', 0)} of {sum(items.values())} done"
    attempt = task.get("attempt", 0)
    return f"attempt {attempt}" if attempt > 1 else task.get("state", "pending")


def _line(start: Box, end: Box) -> str:
    x1, y1 = start.x + start.width, start.y + start.height // 2
    x2, y2 = end.x, end.y + end.height // 2
    middle = (x1 + x2) // 2
    return f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}"
