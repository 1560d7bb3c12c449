"""What tasks print and log, in a file of its own that is never waited for."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import anyio
import msgspec
from anyio.abc import TaskStatus

from triphammer.config.threadsafe import thread_caller
from triphammer.flows.journal import LogLine
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.store.sqlite.connection import Connection
from triphammer.service.store.sqlite.statements import statements

QUEUE = 50_000
"""Lines that may wait for the file; more are dropped and counted."""
BATCH = 5_000

_log = logging.getLogger(__name__)
_Line = tuple[str, str, int, int, str, str]


class StoredLine(msgspec.Struct, frozen=True):
    """One captured line; `seq` is its place in the order of arrival."""

    seq: int
    task: str
    attempt: int
    at: int
    level: str
    text: str


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
        self.dropped = 0

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
            _log.error("%d captured lines are lost: %s", len(batch), error)
            return
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
        fetch = partial(_fetch, self._sql[names], [*values, limit])
        try:
            found = await self._connection.run(fetch)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the captured lines cannot be read: {error}") from error
        return [StoredLine(*row) for row in found]


def _fetch(
    sql: str, values: Sequence[object], raw: sqlite3.Connection
) -> list[tuple[int, str, int, int, str, str]]:
    return raw.execute(sql, values).fetchall()


def _nobody() -> None:
    """Nobody writes yet: the lines wait."""
