"""What every fixture of a released schema holds: some rows in each table, always the same.

`python -m tests.service.store.fixture` writes the newest schema with them as
`fixtures/NNNN.sql`. Do so once for each release that has a new schema and never again: the
file is what users' databases look like.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from tests.contracts.store_cases import (
    CLAIM,
    ERROR,
    NOW,
    a_message,
    a_run,
    a_task,
    begun,
    changed,
    one,
    opening,
    ran,
    running,
)
from triphammer.flows.journal import Encoded
from triphammer.sensors.contract import DeadRecord
from triphammer.sensors.event import Event
from triphammer.sensors.headers import Headers
from triphammer.service.store.contract import (
    Accept,
    Decided,
    OutboxResult,
    SetPaused,
)
from triphammer.service.store.opening import DATABASE
from triphammer.service.store.sqlite.migrations import migrations
from triphammer.service.store.sqlite.store import SqliteStore
from triphammer.service.store.versions import SaveCatalog, SaveVersion

FOLDER = Path(__file__).parent / "fixtures"
TIME = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
ARTIFACT = b"a result that is too large for a row"
DIGEST = hashlib.sha256(ARTIFACT).hexdigest()
ENDED, OPEN, WAITING = (a_run(flow, id=f"run_{flow}") for flow in ("ended", "open", "waiting"))
DEAD = DeadRecord("5", "topic", "no JSON", b"\xff", {"h": "1"})
PENDING = a_message("msg_pending", key="k", secret="SIGN", headers={"X-One": "1"})
GONE = a_message("msg_gone", kind="kafka", target="topic", body=None)
RESULT = Encoded("artifact", DIGEST.encode(), "json; type=json; size=36")
TASKS = (
    a_task("parse"),
    a_task("each", items=2),
    a_task("each[0]"),
    a_task("each[1]", "failed", error=ERROR),
)
FAILED = (("each[1]", 1, NOW, NOW + 1, ERROR),)


def event(id: str) -> Event:
    """An event with every attribute."""
    return Event(
        key=f"evt_{id}",
        id=id,
        source="shop",
        type="order.created",
        data={"path": "/in/a.csv", "n": 1},
        raw=b'{"path": "/in/a.csv", "n": 1}',
        time=TIME,
        received_at=TIME,
        subject="a.csv",
        headers=Headers({"X-One": "1"}),
        extensions={"partition": 3},
        schema="http://schema",
    )


async def fill(store: SqliteStore) -> None:
    """Commit at least one row of every table."""
    version = SaveVersion(flow="ended", version="v1", file="f.py", sources={"f.py": "x"}, at=NOW)
    await one(store, version)
    await one(store, SaveCatalog(id="cat_1", body=b"[1]", at=NOW))
    await one(store, SetPaused(flow="waiting", paused=True, at=NOW))
    await begun(store, ENDED, event=event("1"))
    end = changed(
        ENDED,
        state="failed",
        finished_at=NOW + 9,
        error=ERROR,
        result=RESULT,
        tasks=TASKS,
        failed_attempts=FAILED,
        outbox=(PENDING, GONE),
        state_writes={"cursor": b"17"},
    )
    await one(store, end)
    await one(store, OutboxResult(id=GONE.id, state="dead", attempts=9, error="gone", at=NOW))
    await begun(store, OPEN, event=event("2"), claim=CLAIM)
    accept = Accept(
        decided=(ran(event("3"), WAITING), Decided(event=event("1"))),
        sensor="kafka:topic",
        positions={"0": "17"},
        dead=(DEAD,),
        catalog="cat_1",
        received_at=NOW,
    )
    await one(store, accept)


async def write() -> Path:
    """Make the fixture of the newest schema; raises FileExistsError rather than change one."""
    with TemporaryDirectory() as name:
        async with running(opening("file", Path(name))) as opened:
            await fill(opened.store)
        file = FOLDER / f"{len(migrations()):04}.sql"
        with closing(sqlite3.connect(Path(name) / DATABASE)) as raw, file.open("x") as out:
            for line in raw.iterdump():
                out.write(f"{line}\n")
            out.write(f"PRAGMA user_version = {len(migrations())};\n")
    return file


if __name__ == "__main__":
    sys.stdout.write(f"{anyio.run(write)}\n")
