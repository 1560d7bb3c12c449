"""Attempts that were told to end: those that have not yet, and those that were given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from triphammer.flows.executors.contract import AttemptId, AttemptResult, Released

W = TypeVar("W")


class Abandoned(NamedTuple):
    """An attempt whose code goes on although it has ended for us. `since`: microseconds UTC."""

    id: AttemptId
    flow: str
    since: int


class Stopping(Generic[W]):
    """An attempt of a task that was stopped, and runs again, waits until the one before it has
    ended or was given up. `tell` is told of those given up, and (False) when they end after all.
    """

    def __init__(self, tell: Callable[[Abandoned, bool], None]) -> None:
        self._tell = tell
        self._waiting: dict[tuple[str, str], list[W]] = {}
        self._flows: dict[AttemptId, str] = {}
        self._abandoned: dict[AttemptId, Abandoned] = {}

    @property
    def abandoned(self) -> Sequence[Abandoned]:
        """Those whose code goes on, the oldest first."""
        return list(self._abandoned.values())

    def stop(self, id: AttemptId, flow: str) -> None:
        """An attempt was told to end."""
        self._flows[id] = flow
        self._waiting.setdefault((id.run, id.task), [])

    def holds(self, run: str, task: str, waiting: W) -> bool:
        """Whether an attempt must wait for the one before it; `ended` gives it back."""
        line = self._waiting.get((run, task))
        if line is None:
            return False
        line.append(waiting)
        return True

    def ended(self, result: AttemptResult | Released, flow: str, now: int) -> Sequence[W]:
        """An attempt was reported; what has waited for it. `flow` is that of its run, if known."""
        id = result.id
        if isinstance(result, Released):
            gone = self._abandoned.pop(id, None)
            if gone is not None:
                self._tell(gone, False)
            return ()
        flow = self._flows.pop(id, flow)
        if result.still_running:
            self._abandoned[id] = Abandoned(id, flow, now)
            self._tell(self._abandoned[id], True)
        return self._waiting.pop((id.run, id.task), ())
