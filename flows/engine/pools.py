"""Named pools: how many slots the attempts of all runs may hold of each at once.

Pure accounting. Slots are held by attempts that have begun and are given back when these are
reported. After a restart the attempts that are begun again take theirs by the same way.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from itertools import count
from typing import Generic, NamedTuple, TypeVar

from triphammer.flows.executors.contract import AttemptId
from triphammer.flows.graph import Options

AGE = 60_000_000
"""Microseconds of waiting that are worth one step of priority, so that nothing starves."""

Waiting = TypeVar("Waiting")


class PoolCount(NamedTuple):
    """How a pool stands. `slots` None: it has no setting, and lets everything through."""

    slots: int | None
    held: int
    waiting: int


class Pools(Generic[Waiting]):
    """Lets what waits begin when the slots that it asks for are free, the most urgent first.

    `wanted` says whether what waits may still begin; `go` begins it. What asks for more slots
    than there are gets all of them.
    """

    def __init__(
        self,
        slots: Mapping[str, int],
        now: Callable[[], int],
        wanted: Callable[[Waiting], bool],
        go: Callable[[Waiting], None],
    ) -> None:
        self._slots = slots
        self._now = now
        self._wanted = wanted
        self._go = go
        self._lines: dict[str, list[tuple[int, int, int, AttemptId, Waiting]]] = {}
        self._held: dict[AttemptId, tuple[str, int]] = {}
        self._used: dict[str, int] = {}
        self._order = count()

    def wait(self, id: AttemptId, options: Options, waiting: Waiting) -> None:
        """Begin `waiting` when its slots are free; perhaps now."""
        pool = options.pool
        assert pool is not None
        asked = min(options.slots, self._slots.get(pool, options.slots))
        # All age alike: who is one step more urgent is as if it had come one AGE earlier.
        urgency = self._now() - options.priority * AGE
        line = self._lines.setdefault(pool, [])
        heapq.heappush(line, (urgency, next(self._order), asked, id, waiting))
        self._serve(pool)

    def release(self, id: AttemptId) -> None:
        """An attempt has ended; those that held no slot are ignored."""
        held = self._held.pop(id, None)
        if held is not None:
            pool, slots = held
            self._used[pool] -= slots
            self._serve(pool)

    def counts(self) -> Mapping[str, PoolCount]:
        """How each pool stands."""
        names = sorted({*self._slots, *self._lines})
        return {
            name: PoolCount(
                self._slots.get(name),
                self._used.get(name, 0),
                sum(self._wanted(entry[-1]) for entry in self._lines.get(name, ())),
            )
            for name in names
        }

    def _serve(self, pool: str) -> None:
        line, limit = self._lines.get(pool, []), self._slots.get(pool)
        while line:
            _, _, asked, id, waiting = line[0]
            if not self._wanted(waiting):
                heapq.heappop(line)
                continue
            used = self._used.get(pool, 0)
            # The first one waits for all its slots: smaller ones behind must not starve it.
            if limit is not None and used + asked > limit:
                return
            heapq.heappop(line)
            self._used[pool] = used + asked
            self._held[id] = (pool, asked)
            self._go(waiting)
