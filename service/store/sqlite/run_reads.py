"""The named reads of one run."""

from __future__ import annotations

from collections.abc import Sequence

from triphammer.flows.journal import Kept, TaskRow
from triphammer.service.store.run_reads import AttemptTime
from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.readers import Readers
from triphammer.service.store.sqlite.statements import statements
from triphammer.service.store.stored import FailedAttempt


class SqliteRunReads:
    """See `service.store.run_reads.RunReads`."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._of_run = statements("run_reads.sql")

    async def task_states(self, run: str, limit: int) -> Sequence[TaskRow]:
        found = await self._readers.rows(self._of_run["task_states"], run, limit)
        return [rows.task_row(row) for row in found]

    async def items_of(
        self, run: str, task: str, *, state: str | None, after: str | None, limit: int
    ) -> Sequence[TaskRow]:
        found = await self._readers.rows(self._of_run["items_of"], run, task, state, after, limit)
        return [rows.task_row(row) for row in found]

    async def inner_counts(self, run: str, limit: int) -> Sequence[tuple[str, str, int]]:
        found = await self._readers.rows(self._of_run["inner_counts"], run, limit)
        return [(row[0], row[1], row[2]) for row in found]

    async def task_named(self, run: str, name: str) -> TaskRow | None:
        found = await self._readers.rows(self._of_run["task_named"], run, name)
        return rows.task_row(found[0]) if found else None

    async def attempt_times(self, run: str, limit: int) -> Sequence[AttemptTime]:
        found = await self._readers.rows(self._of_run["attempt_times"], run, limit)
        return [AttemptTime(*row) for row in found]

    async def attempts_of(self, run: str, task: str, limit: int) -> Sequence[FailedAttempt]:
        found = await self._readers.rows(self._of_run["attempts_of"], run, task, limit)
        return [rows.failed_attempt(row) for row in found]

    async def runs_caused(
        self, source: str, run: str, limit: int
    ) -> Sequence[tuple[str, str, str]]:
        found = await self._readers.rows(self._of_run["runs_caused"], source, run, limit)
        return [(row["id"], row["flow"], row["state"]) for row in found]

    async def artifacts_of_task(self, run: str, task: str, limit: int) -> Sequence[Kept]:
        found = await self._readers.rows(self._of_run["artifacts_of_task"], run, task, limit)
        return [rows.kept(row) for row in found]
