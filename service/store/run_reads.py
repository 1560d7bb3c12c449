"""What a store tells of one run to whoever looks at it: bounded, however large the run is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from triphammer.flows.journal import Kept, TaskRow
from triphammer.service.store.stored import FailedAttempt


class AttemptTime(msgspec.Struct, frozen=True):
    """When an attempt of a task failed; microseconds."""

    task: str
    attempt: int
    started_at: int
    finished_at: int


class RunReads(Protocol):
    """A part of `Store`."""

    async def task_states(self, run: str, limit: int) -> Sequence[TaskRow]:
        """The tasks of a run without items of maps and without results, in the order they were
        first written."""
        ...

    async def items_of(
        self, run: str, task: str, *, state: str | None, after: str | None, limit: int
    ) -> Sequence[TaskRow]:
        """The items of a map without results, those of a `state` if it is given, in the order
        they were first written, after the item named `after`."""
        ...

    async def inner_counts(self, run: str, limit: int) -> Sequence[tuple[str, str, int]]:
        """Of the tasks inside items of maps and turns of loops: by their names without the last
        number (`orders[]/parse`) how many are in which state."""
        ...

    async def task_named(self, run: str, name: str) -> TaskRow | None:
        """One task or item of a map with its result."""
        ...

    async def attempt_times(self, run: str, limit: int) -> Sequence[AttemptTime]:
        """When attempts of tasks, but not of items, failed."""
        ...

    async def attempts_of(self, run: str, task: str, limit: int) -> Sequence[FailedAttempt]:
        """The failed attempts of one task or item, the newest first."""
        ...

    async def runs_caused(
        self, source: str, run: str, limit: int
    ) -> Sequence[tuple[str, str, str]]:
        """Id, flow and state of the runs on events of this `source` that the run brought about."""
        ...

    async def artifacts_of_task(self, run: str, task: str, limit: int) -> Sequence[Kept]:
        """What one task or item has kept, the newest first."""
        ...
