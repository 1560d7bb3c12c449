"""`rate=`: how fast the items of a map may begin, over all runs of a flow together."""

from __future__ import annotations

from triphammer.flows.graph import Node


class Pace:
    """Gives out turns: each item of a node with a rate begins one interval after the last."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, str], int] = {}

    def due(self, flow: str, node: Node, now: int) -> int:
        """When the next item of `node` may begin (microseconds); takes that turn."""
        rate = node.options.rate
        if rate is None:
            return now
        turn = max(now, self._next.get((flow, node.name), 0))
        self._next[flow, node.name] = turn + int(1e6 / rate)
        return turn
