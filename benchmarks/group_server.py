"""Starlette with a group commit: the limit of acknowledging durable webhooks. Prints its port.

One route, one JSON decoding, four rows a request as triphammer stores them (identity, event,
disposition, run), committed in groups by one thread.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import sys
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.limits import database

Waiting = tuple[str, bytes, asyncio.Future[None]]
TABLES = ("identities", "events", "dispositions", "runs")


class GroupCommit:
    """Commits whatever has queued, in a thread, group after group."""

    def __init__(self, file: Path) -> None:
        self._connection = database(file)
        for table in TABLES:
            self._connection.execute(f"CREATE TABLE {table} (id TEXT PRIMARY KEY, data BLOB)")
        self._queue: list[Waiting] = []
        self._wake = asyncio.Event()

    async def store(self, id: str, body: bytes) -> None:
        """Return after the commit."""
        done = asyncio.get_running_loop().create_future()
        self._queue.append((id, body, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        """Commit until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            group, self._queue = self._queue, []
            await asyncio.to_thread(_commit, self._connection, group)
            for _, _, done in group:
                done.set_result(None)


def _commit(connection: sqlite3.Connection, group: Sequence[Waiting]) -> None:
    rows = [(id, body) for id, body, _ in group]
    connection.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
    connection.execute("COMMIT")


def build(file: Path) -> Starlette:
    """The application."""
    commits = GroupCommit(file)

    async def hook(request: Request) -> JSONResponse:
        body = await request.body()
        json.loads(body)
        id = uuid.uuid4().hex
        await commits.store(id, body)
        return JSONResponse({"event": id}, status_code=202)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(commits.run())
            yield
            task.cancel()

    return Starlette(routes=[Route("/", hook, methods=["POST"])], lifespan=lifespan)


def main() -> None:
    """Serve until killed."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"group commit is up: http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(build(Path(sys.argv[1])), log_level="error", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
