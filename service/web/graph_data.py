"""What the interactive drawing of a graph is made from: JSON within the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from triphammer.service.web.drawing import drawn_from

Node = Mapping[str, Any]
Counts = Mapping[str, int]
NOTHING: Mapping[str, Any] = {}


def graph_data(
    nodes: Sequence[Node],
    tasks: Mapping[str, Mapping[str, Any]] = NOTHING,
    *,
    link: Callable[[str], str] | None = None,
    selected: str = "",
) -> dict[str, Any]:
    """The graph for `static/graph.js`.

    `tasks` tell the `state` and, of maps, the `items` by state; none: the graph of a flow that is
    not looked at in a run. `link` is where a click on a node leads.
    """
    return {
        "nodes": [_node(node, nodes, tasks, link) for node in nodes],
        "live": tasks is not NOTHING,
        "selected": selected,
    }


def _node(
    node: Node,
    nodes: Sequence[Node],
    tasks: Mapping[str, Mapping[str, Any]],
    link: Callable[[str], str] | None,
) -> dict[str, Any]:
    name, groups = node["name"], list(node["groups"])
    task = tasks.get(name, {})
    items: Counts = task.get("items") or {}
    within = groups[-1] if groups else ""
    return {
        "name": name,
        "label": name[len(within) + 1 :] if within and name.startswith(within) else name,
        "up": list(drawn_from(node, nodes)),
        "groups": groups,
        "kind": node["kind"],
        "role": node["role"],
        "mapped": node["mapped"],
        "when": node["when"] or "",
        "state": task.get("state", "pending") if tasks is not NOTHING else "",
        "attempt": task.get("attempt", 0),
        "items": dict(items),
        "href": "" if link is None else link(name),
    }
