"""When a run has taken longer than its flow's timeout, or is past its deadline."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from triphammer.flows.engine.active import ActiveRun
from triphammer.flows.engine.values import RunLate, RunStart

Still = Callable[[str, int], ActiveRun | None]
"""A run of this id and epoch that is under way and is not being ended already."""


class Lateness:
    """Looks at each run again when its time is over. Only its id is kept until then; for one that
    waits it is its row that is looked at. `end` ends a run, for a reason."""

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

    def watch(self, start: RunStart, since: int, now: int) -> None:
        """A run begins, or goes on; its time counts from `since`. Microseconds UTC."""
        timeout, deadline = start.flow.timeout, start.flow.deadline
        if timeout is not None:
            self._look(since + int(timeout * 1e6), now, partial(self._over, start.id, start.epoch))
        if deadline is not None and self._on_late is not None:
            self._look(since + int(deadline * 1e6), now, partial(self._late, start.id, start.epoch))

    def _look(self, due: int, now: int, action: Callable[[], None]) -> None:
        if due > now:
            self._at(due, action)
        else:
            action()

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
