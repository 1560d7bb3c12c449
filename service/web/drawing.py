"""Lays a run's graph out in layers: a node stands right of all its upstreams.

Groups and sub-flows are frames, one below the other, each around its own nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 168, 44, 56, 18, 12
HEAD, RIM = 22, 8
"""Of a frame: the room for its name, and that between it and its nodes."""

Row = Mapping[str, Any]


class Box(msgspec.Struct, frozen=True):
    """A node's place in pixels and what it shows. `label` is its name within its groups."""

    name: str
    label: str
    state: str
    note: str
    x: int
    y: int
    when: str | None = None
    width: int = WIDTH
    height: int = HEIGHT


class Frame(msgspec.Struct, frozen=True):
    """A group's place in pixels."""

    name: str
    x: int
    y: int
    width: int
    height: int


class Drawing(msgspec.Struct, frozen=True):
    """Boxes, the frames around them and the SVG paths between them, in `width` x `height`."""

    boxes: Sequence[Box]
    frames: Sequence[Frame]
    lines: Sequence[str]
    width: int
    height: int


def draw(nodes: Sequence[Row], tasks: Mapping[str, Row] | None) -> Drawing:
    """The drawing of `nodes` (each after its upstreams) with the states of their `tasks`; None:
    the graph of a flow that is not looked at in a run."""
    layer: dict[str, int] = {}
    for node in nodes:
        layer[node["name"]] = max((layer[up] + 1 for up in node["upstream"]), default=0)
    places: dict[str, tuple[int, int]] = {}
    frames: list[Frame] = []
    _place(nodes, 0, MARGIN, layer, places, frames)
    boxes = {n["name"]: _box(n, _task(n, tasks), *places[n["name"]]) for n in nodes}
    lines = [_line(boxes[up], boxes[n["name"]]) for n in nodes for up in drawn_from(n, nodes)]
    shapes: list[Box | Frame] = [*boxes.values(), *frames]
    width = max((s.x + s.width for s in shapes), default=0) + MARGIN
    height = max((s.y + s.height for s in shapes), default=0) + MARGIN
    return Drawing(tuple(boxes.values()), frames, lines, width, height)


def _place(
    nodes: Sequence[Row],
    depth: int,
    top: int,
    layer: Mapping[str, int],
    places: dict[str, tuple[int, int]],
    frames: list[Frame],
) -> int:
    """Place the nodes of one group from `top` downwards, its own first; the lower end."""
    used: Counter[int] = Counter()
    inner: dict[str, list[Row]] = {}
    for node in nodes:
        if len(node["groups"]) > depth:
            inner.setdefault(node["groups"][depth], []).append(node)
            continue
        column = layer[node["name"]]
        places[node["name"]] = (
            MARGIN + column * (WIDTH + GAP_X),
            top + used[column] * (HEIGHT + GAP_Y),
        )
        used[column] += 1
    bottom = top + max(used.values(), default=0) * (HEIGHT + GAP_Y)
    for name, members in inner.items():
        end = _place(members, depth + 1, bottom + HEAD, layer, places, frames)
        frames.append(_frame(name, [places[n["name"]] for n in members], bottom, end, depth))
        bottom = end + RIM
    return bottom


def _frame(
    name: str, places: Sequence[tuple[int, int]], top: int, bottom: int, depth: int
) -> Frame:
    rim = max(RIM - 2 * depth, 2)
    left = min(x for x, _ in places) - rim
    right = max(x for x, _ in places) + WIDTH + rim
    return Frame(name, left, top, right - left, bottom - GAP_Y + RIM - top)


def drawn_from(node: Row, nodes: Sequence[Row]) -> Iterator[str]:
    """The upstreams that a line comes from. Teardowns and handlers wait for all of a group:
    they are drawn behind the last of them."""
    if node["role"] in ("", "setup"):
        yield from node["upstream"]
        return
    above = set(node["upstream"])
    inner = {up for one in nodes if one["name"] in above for up in one["upstream"]}
    yield from (up for up in node["upstream"] if up not in inner)


def _task(node: Row, tasks: Mapping[str, Row] | None) -> Row | None:
    return None if tasks is None else tasks.get(node["name"], {})


def _box(node: Row, task: Row | None, x: int, y: int) -> Box:
    name, groups = node["name"], node["groups"]
    return Box(
        name=name,
        label=name[len(groups[-1]) + 1 :] if groups else name,
        state="" if task is None else task.get("state", "pending"),
        note=_plan(node) if task is None else _note(node, task),
        x=x,
        y=y,
        when=node["when"],
    )


def _plan(node: Row) -> str:
    kind = "" if node["kind"] == "task" else node["kind"]
    return ", ".join(filter(None, (node["role"], kind, "for each item" if node["mapped"] else "")))


def _note(node: Row, task: Row) -> str:
    items = task.get("items")
    if items:
        return f"{items.get('succeeded', 0)} of {sum(items.values())} done"
    attempt = task.get("attempt", 0)
    state = f"attempt {attempt}" if attempt > 1 else task.get("state", "pending")
    return f"{node['role']}, {state}" if node["role"] else state


def _line(start: Box, end: Box) -> str:
    x1, y1 = start.x + start.width, start.y + start.height // 2
    x2, y2 = end.x, end.y + end.height // 2
    middle = (x1 + x2) // 2
    return f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}"
