"""What tasks print and log, in a file of its own that is never waited for."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import anyio
import msgspec
from anyio.abc import TaskStatus

from triphammer.config.threadsafe import thread_caller
from triphammer.flows.journal import LogLine
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.store.log_pages import FoundLines, LogPage, found_lines
from triphammer.service.store.log_pages import StoredLine as StoredLine
from triphammer.service.store.sqlite.connection import Connection
from triphammer.service.store.sqlite.statements import statements

QUEUE = 50_000
"""Lines that may wait for the file; more are dropped and counted."""
BATCH = 5_000
WINDOW = 5_000
"""Lines looked at or removed in one go: the connection is the one that writes."""

_log = logging.getLogger(__name__)
T = TypeVar("T")
_Line = tuple[str, str, int, int, str, str]


class OldRuns(msgspec.Struct, frozen=True):
    """Runs that have old lines; `after` is where the next window begins, None at the end."""

    runs: Sequence[str]
    after: int | None


class LogStore:
    """Takes lines from any thread and gives them back in order.

    Lines are bounded per attempt by whoever captures them; here only the backlog is.
    """

    def __init__(self, connection: Connection, published: Callable[[str], None]) -> None:
        self._connection = connection
        self._published = published
        self._sql = statements("logs.sql")
        self._waiting: deque[_Line] = deque()
        self._wake: Callable[[], object] = _nobody
        self._closing = False
        self._losing = 0
        self.dropped = 0
        """Lines that were lost since the store was opened."""

    async def prepare(self) -> None:
        """Make the table if there is none."""
        await self._connection.run(self._create)

    def _create(self, raw: sqlite3.Connection) -> None:
        raw.execute(self._sql["schema"])
        raw.execute(self._sql["index"])

    def sink(self, run: str, task: str, attempt: int, lines: Sequence[LogLine]) -> None:
        """Take lines in (`flows.journal.LogSink`); callable from any thread, never waits."""
        room = QUEUE - len(self._waiting)
        self.dropped += max(0, len(lines) - room)
        for line in lines[: max(0, room)]:
            self._waiting.append((run, task, attempt, line.at, line.level, line.text))
        self._wake()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Write lines until closed."""
        call_soon = thread_caller()
        task_status.started()
        while True:
            event = anyio.Event()
            self._wake = partial(call_soon, event.set)
            if not self._waiting:
                if self._closing:
                    return
                await event.wait()
            await self._write()

    def close(self) -> None:
        """End `run` once everything that has come is written."""
        self._closing = True
        self._wake()

    async def _write(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        if not batch:
            return
        try:
            with anyio.CancelScope(shield=True):
                await self._connection.run(partial(self._insert, batch))
        except sqlite3.Error as error:
            # A full disk must not stop the runs for the sake of what they print.
            self.dropped += len(batch)
            if not self._losing:
                _log.warning("captured lines are lost for now: %s", error)
            self._losing += len(batch)
            return
        if self._losing:
            _log.warning("captured lines are stored again; %d were lost", self._losing)
            self._losing = 0
        for run in {line[0] for line in batch}:
            self._published(run)

    def _insert(self, batch: Sequence[_Line], raw: sqlite3.Connection) -> None:
        raw.execute("BEGIN")
        try:
            raw.executemany(self._sql["add"], batch)
            raw.execute("COMMIT")
        finally:
            if raw.in_transaction:
                raw.execute("ROLLBACK")

    async def lines(
        self,
        run: str,
        task: str | None = None,
        attempt: int | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[StoredLine]:
        """Lines of a run, a task or one attempt, in order, after a `seq`.

        Raises `StoreUnavailable`.
        """
        names, values = "of_run", [run, after]
        if task is not None:
            names, values = "of_task", [run, after, task]
            if attempt is not None:
                names, values = "of_attempt", [run, after, task, attempt]
        found = await self._run(partial(_fetch, self._sql[names], [*values, limit]))
        return [StoredLine(*row) for row in found]

    async def page(self, page: LogPage) -> FoundLines:
        """Lines of a run, both ways and narrowed. Raises `StoreUnavailable`."""
        return await found_lines(self._run, self._sql, page)

    async def forget(self, runs: Sequence[str]) -> int:
        """Remove the lines of runs, a window at a time; how many. Raises `StoreUnavailable`."""
        asked, removed, last = msgspec.json.encode(list(runs)).decode(), 0, WINDOW
        while last == WINDOW:
            last = await self._run(partial(_change, self._sql["forget"], (asked, WINDOW)))
            removed += last
        return removed

    async def old_runs(self, before: int, after: int) -> OldRuns:
        """The runs of one window of lines, as far as the lines came before `before`.

        Raises `StoreUnavailable`.
        """
        values = (after, before, WINDOW)
        ((last, runs),) = await self._run(partial(_fetch, self._sql["old_runs"], values))
        found = msgspec.json.decode(runs, type=list[str])
        return OldRuns(found, last if found else None)

    async def _run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._connection.run(function)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the captured lines cannot be used: {error}") from error


def _change(sql: str, values: Sequence[object], raw: sqlite3.Connection) -> int:
    return raw.execute(sql, values).rowcount


def _fetch(sql: str, values: Sequence[object], raw: sqlite3.Connection) -> list[Any]:
    return raw.execute(sql, values).fetchall()


def _nobody() -> None:
    """Nobody writes yet: the lines wait."""
