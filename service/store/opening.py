"""Opens the stores: in a data folder for the daemon, in memory for tests and local runs."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import msgspec
from anyio.abc import TaskStatus

from triphammer.service.errors import StoreError
from triphammer.service.store.artifacts import FileArtifacts, MemoryArtifacts
from triphammer.service.store.durable import make_folder
from triphammer.service.store.layout import ARTIFACTS, DATABASE, LOGS
from triphammer.service.store.lock import folder_lock
from triphammer.service.store.logs import LogStore
from triphammer.service.store.sqlite.connection import (
    Connection,
    file_log,
    file_reader,
    file_writer,
    memory,
)
from triphammer.service.store.sqlite.migrations import migrate
from triphammer.service.store.sqlite.readers import Readers
from triphammer.service.store.sqlite.store import SqliteStore
from triphammer.service.store.sqlite.writer import Committed, Writer

__all__ = ["ARTIFACTS", "DATABASE", "LOGS", "Opened", "open_folder", "open_memory"]

READERS = 3

_log = logging.getLogger("triphammer.store")


class Opened(msgspec.Struct, frozen=True):
    """The open stores of one data folder. `run` must run until `close` was called."""

    store: SqliteStore
    logs: LogStore
    artifacts: FileArtifacts | MemoryArtifacts

    def close(self) -> None:
        """Let `run` end once all that has queued is written."""
        self.store.close()
        self.logs.close()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Write until closed."""
        async with anyio.create_task_group() as group:
            await group.start(self.store.run_writer)
            await group.start(self.logs.run)
            task_status.started()


@asynccontextmanager
async def open_folder(
    folder: Path,
    *,
    failed: Callable[[Exception], None],
    published: Callable[[str], None],
    committed: Committed | None = None,
) -> AsyncGenerator[Opened]:
    """The stores of `folder`, which is made if need be and locked.

    Raises `FolderLocked`, `SchemaTooNew`, `StoreError`. `failed` is told of a commit of
    unknown outcome, `published` of runs that have new log lines, `committed` of each commit: how
    long it took, and how many units.
    """
    async with AsyncExitStack() as stack:
        try:
            opened = await _open_files(stack, folder, failed, published, committed)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"the data folder {folder} cannot be used: {error}") from error
        yield opened


async def _open_files(
    stack: AsyncExitStack,
    folder: Path,
    failed: Callable[[Exception], None],
    published: Callable[[str], None],
    committed: Committed | None,
) -> Opened:
    make_folder(folder)
    make_folder(folder / ARTIFACTS)
    stack.enter_context(folder_lock(folder))
    database = (folder / DATABASE).absolute()
    writer = await stack.enter_async_context(file_writer(database))
    before, after = await writer.run(partial(migrate, name=str(database)))
    if 0 < before < after:
        _log.info("the database was brought from schema %d to %d", before, after)
    readers = [await stack.enter_async_context(file_reader(database)) for _ in range(READERS)]
    logs = await stack.enter_async_context(file_log(folder / LOGS))

    def artifacts(away: Callable[[Exception], None]) -> FileArtifacts:
        return FileArtifacts(folder / ARTIFACTS, away=away)

    return await _opened(writer, readers, logs, artifacts, failed, published, committed)


@asynccontextmanager
async def open_memory(
    *,
    failed: Callable[[Exception], None] = lambda _: None,
    published: Callable[[str], None] = lambda _: None,
) -> AsyncGenerator[Opened]:
    """Stores in memory: the same code, no file and no thread."""
    async with memory() as connection, memory() as logs:
        await connection.run(partial(migrate, name="the store in memory"))
        yield await _opened(
            connection, [connection], logs, lambda _: MemoryArtifacts(), failed, published
        )


async def _opened(
    writer: Connection,
    readers: Sequence[Connection],
    logs: Connection,
    artifacts: Callable[[Callable[[Exception], None]], FileArtifacts | MemoryArtifacts],
    failed: Callable[[Exception], None],
    published: Callable[[str], None],
    committed: Committed | None = None,
) -> Opened:
    committing = Writer(writer, failed, committed)
    lines = LogStore(logs, published)
    await lines.prepare()
    store = SqliteStore(committing, Readers(readers))
    return Opened(store, lines, artifacts(committing.abandon))
