"""Which open runs a newer one takes the place of, where `mode="restart"`. Pure accounting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from triphammer.flows.graph import FlowDef


class OpenRun(NamedTuple):
    """A run that has not ended, with what an end of it must say."""

    run: str
    flow: str
    key: str | None
    epoch: int = 0


class Restarts:
    """The open runs of flows that restart, by what they exclude each other by."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str | None], list[OpenRun]] = {}
        self._of: dict[str, OpenRun] = {}
        self._over: set[str] = set()
        self._parked: set[str] = set()

    def come(self, definition: FlowDef, run: OpenRun) -> Sequence[OpenRun]:
        """A run has come; those before it that it takes over from, each named once."""
        if definition.per is not None and run.key is None:
            return ()  # without a value at the path it excludes nobody
        line = self._open.setdefault((run.flow, run.key), [])
        older = [one for one in line if one.run not in self._over]
        line.append(run)
        self._of[run.run] = run
        self._over.update(one.run for one in older)
        return older

    def park(self, run: str, *, waits: bool = True) -> None:
        """A run only waits now, or does so no more; those of other flows are ignored."""
        if waits and run in self._of:
            self._parked.add(run)
        else:
            self._parked.discard(run)

    def is_parked(self, run: str) -> bool:
        """Whether a run only waits."""
        return run in self._parked

    def gone(self, run: str) -> None:
        """A run has ended; those of other flows are ignored."""
        self._over.discard(run)
        self._parked.discard(run)
        one = self._of.pop(run, None)
        if one is None:
            return
        line = self._open[one.flow, one.key]
        line.remove(one)
        if not line:
            del self._open[one.flow, one.key]
