"""`rate=`: how fast the items of a map may begin, over all runs of a flow together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, TypeVar

from triphammer.flows.graph import Node

PREFIX = "$rate/"
"""Under such a key the flow's durable state keeps when a node's next turn is."""
SLACK = 10_000
"""Microseconds by which turns that were missed are made up for: timers are coarse."""

Waiting = TypeVar("Waiting")


class Pace(Generic[Waiting]):
    """Lets what waits go in turn: of one node an attempt begins one interval after the last.

    `state` is the committed state of a flow: after a restart the turns go on from there. `at`
    calls back at a time. `go` begins what waited, or says False: it is not wanted any more.
    """

    def __init__(
        self,
        state: Callable[[str], Mapping[str, bytes]],
        at: Callable[[int, Callable[[], None]], None],
        now: Callable[[], int],
        go: Callable[[Waiting], bool],
    ) -> None:
        self._state = state
        self._at = at
        self._now = now
        self._go = go
        self._lanes: dict[tuple[str, str], _Lane[Waiting]] = {}

    def wait(self, flow: str, node: Node, rate: float, waiting: Waiting) -> None:
        """Begin `waiting` when it is its turn; perhaps now."""
        lane = self._lanes.get((flow, node.name))
        if lane is None:
            lane = self._lanes[flow, node.name] = _Lane[Waiting](self._stored(flow, node, rate))
        lane.interval = int(1e6 / rate)
        lane.queue.append(waiting)
        if not lane.armed:
            self._serve(lane)

    def writes(self, flow: str, node: Node) -> Mapping[str, bytes]:
        """What the flow's state must keep after a turn was taken."""
        return {PREFIX + node.name: b"%d" % self._lanes[flow, node.name].next}

    def _stored(self, flow: str, node: Node, rate: float) -> int:
        stored = self._state(flow).get(PREFIX + node.name)
        # At most one interval: a clock that was set back must not stop the flow.
        return min(int(stored or 0), self._now() + int(1e6 / rate))

    def _serve(self, lane: _Lane[Waiting]) -> None:
        lane.armed = False
        while lane.queue:
            now = self._now()
            lane.next = min(lane.next, now + lane.interval)  # the clock may have been set back
            if lane.next > now:
                lane.armed = True
                self._at(lane.next, partial(self._serve, lane))
                return
            before = lane.next
            lane.next = max(now - SLACK, lane.next) + lane.interval
            if not self._go(lane.queue.popleft()):
                lane.next = before


class _Lane(Generic[Waiting]):
    """The turns of one node. `next`: when the next one is (microseconds)."""

    __slots__ = ("armed", "interval", "next", "queue")

    def __init__(self, next: int) -> None:
        self.next = next
        self.interval = 0
        self.queue: deque[Waiting] = deque()
        self.armed = False
