"""Who may deliver now: each target has places of its own, so that a dead one delays nobody.

Plain bookkeeping without waiting: rows in, rows to start out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from triphammer.service.outbox.courier import lane_name
from triphammer.service.store.contract import OutboxRow

KAFKA_AT_ONCE = 256
"""A producer packs what is sent at once into few requests."""
_FIRST_GUESS = 0.1
_WEIGHT = 0.2
SHORTEST_WAIT = 1.0
LONGEST_WAIT = 60.0


@dataclass(slots=True)
class Lane:
    """One target: `limit` deliveries at once, as many rows kept to follow them.

    `average` is the seconds that a delivery has taken lately; it says how far off a row that
    finds no place here must be put.
    """

    limit: int
    average: float = _FIRST_GUESS
    flying: set[str] = field(default_factory=set[str])
    waiting: deque[OutboxRow] = field(default_factory=deque[OutboxRow])
    put_off: int = 0

    def wait(self) -> float:
        """Seconds after which the next row that found no place may be looked at again."""
        self.put_off += 1
        ahead = (self.put_off + len(self.waiting)) / self.limit
        return min(max(ahead * self.average, SHORTEST_WAIT), LONGEST_WAIT)


class Lanes:
    """All targets with deliveries under way or waiting."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lanes: dict[str, Lane] = {}
        self._known: set[str] = set()
        self._landed: set[str] = set()

    @property
    def flying(self) -> int:
        """Deliveries under way."""
        return sum(len(lane.flying) for lane in self._lanes.values())

    def offer(self, rows: Iterable[OutboxRow]) -> tuple[list[OutboxRow], list[OutboxRow]]:
        """Rows to deliver at once, and rows that found no place. Known ones are skipped."""
        start: list[OutboxRow] = []
        refused: list[OutboxRow] = []
        for lane in self._lanes.values():
            lane.put_off = 0
        for row in rows:
            if row.message.id not in self._known:
                self._place(row, start, refused)
        return start, refused

    def begin_look(self) -> None:
        """The outbox is about to be read: what lands until the rows are here may still be among
        them, as if it had never gone."""
        self._landed.clear()

    def knows(self, row: OutboxRow) -> bool:
        """Whether `row` is under way, waits for a place, or has landed since the look began."""
        return row.message.id in self._known or row.message.id in self._landed

    def wait(self, row: OutboxRow) -> float:
        """Seconds to put a refused row off."""
        return self._lane(row).wait()

    def landed(self, row: OutboxRow, seconds: float | None) -> OutboxRow | None:
        """A delivery has ended after `seconds`, or (None) was not begun; the row that takes its
        place, if one waits."""
        lane = self._lane(row)
        lane.flying.discard(row.message.id)
        self._known.discard(row.message.id)
        self._landed.add(row.message.id)
        if seconds is not None:
            lane.average += (seconds - lane.average) * _WEIGHT
        if lane.waiting:
            follower = lane.waiting.popleft()
            lane.flying.add(follower.message.id)
            return follower
        if not lane.flying:
            del self._lanes[lane_name(row.message)]
        return None

    def clear_waiting(self) -> None:
        """Forget the rows that have not started: nothing more is to be delivered."""
        for lane in self._lanes.values():
            self._known.difference_update(row.message.id for row in lane.waiting)
            lane.waiting.clear()

    def _place(self, row: OutboxRow, start: list[OutboxRow], refused: list[OutboxRow]) -> None:
        lane = self._lane(row)
        if len(lane.flying) < lane.limit:
            lane.flying.add(row.message.id)
            start.append(row)
        elif len(lane.waiting) < lane.limit:
            lane.waiting.append(row)
        else:
            refused.append(row)
            return
        self._known.add(row.message.id)

    def _lane(self, row: OutboxRow) -> Lane:
        name = lane_name(row.message)
        lane = self._lanes.get(name)
        if lane is None:
            limit = KAFKA_AT_ONCE if row.message.kind == "kafka" else self._limit
            lane = self._lanes[name] = Lane(limit)
        return lane
