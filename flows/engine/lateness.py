"""When a run has taken longer than its flow's timeout, or is past its deadline."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from triphammer.flows.engine.active import ActiveRun
from triphammer.flows.engine.values import RunLate, RunStart

Still = Callable[[str, int], ActiveRun | None]
"""A run of this id and epoch that is under way and is not being ended already."""

Action = Callable[[str, int], None]


class Watched(NamedTuple):
    """A run in an epoch, and when its time is over, or (`late`) it is to be told of."""

    run: str
    epoch: int
    due: int
    late: bool = False


class Lateness:
    """Looks at each run again when its time is over. Only its id is kept until then, once however
    often it goes on; for one that waits it is its row that is looked at. `end` ends a run, for a
    reason."""

    def __init__(
        self,
        at: Callable[[int, Callable[[], None]], object],
        still: Still,
        end: Callable[[ActiveRun, str], None],
        on_late: Callable[[RunLate], None] | None,
    ) -> None:
        self._at = at
        self._still = still
        self._end = end
        self._on_late = on_late
        self._watched: set[Watched] = set()

    def watch(self, start: RunStart, since: int, now: int) -> None:
        """A run begins, or goes on; its time counts from `since`. Microseconds UTC."""
        timeout, deadline = start.flow.timeout, start.flow.deadline
        if timeout is not None:
            due = since + int(timeout * 1e6)
            self._look(Watched(start.id, start.epoch, due), now, self._over)
        if deadline is not None and self._on_late is not None:
            due = since + int(deadline * 1e6)
            self._look(Watched(start.id, start.epoch, due, late=True), now, self._late)

    def _look(self, one: Watched, now: int, action: Action) -> None:
        if one.due <= now:
            action(one.run, one.epoch)
        elif one not in self._watched:
            self._watched.add(one)
            self._at(one.due, partial(self._act, one, action))

    def _act(self, one: Watched, action: Action) -> None:
        self._watched.discard(one)
        action(one.run, one.epoch)

    def _over(self, run: str, epoch: int) -> None:
        active = self._still(run, epoch)
        if active is not None:
            timeout = active.machine.start.flow.timeout
            reason = f"the run took longer than its flow's timeout of {timeout:g} s"
            self._end(active, reason)

    def _late(self, run: str, epoch: int) -> None:
        active = self._still(run, epoch)
        if active is not None and self._on_late is not None:
            flow = active.machine.start.flow
            self._on_late(RunLate(run, flow.name, flow.deadline or 0.0, epoch))
