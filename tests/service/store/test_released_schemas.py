"""Databases that released versions have written are brought up to date and read."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.contracts.store_cases import CLAIM, ERROR, NOW, changed, one, opening, running
from tests.service.store import fixture
from tests.service.store.fixture import DEAD, ENDED, GONE, OPEN, PENDING, RESULT, TASKS, WAITING
from triphammer.service.store.contract import ClaimRun, DueClaim, EventRow, FailedAttempt, Page
from triphammer.service.store.opening import DATABASE
from triphammer.service.store.sqlite.migrations import migrate, migrations
from triphammer.service.store.sqlite.store import SqliteStore

FIXTURES = sorted(fixture.FOLDER.glob("*.sql"))
Row = tuple[str, str, str]

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def restore(file: Path, folder: Path) -> Path:
    """The database of a fixture, as the daemon that wrote it left it."""
    folder.mkdir(exist_ok=True)
    database = folder / DATABASE
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.executescript(file.read_text())
    return database


def schema(database: Path) -> tuple[int, set[Row]]:
    """Version and objects, without the spacing of their text."""
    with closing(sqlite3.connect(database)) as raw:
        (version,) = raw.execute("PRAGMA user_version").fetchone()
        found = raw.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema").fetchall()
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
    return version, {(kind, name, _plain(sql)) for kind, name, sql in found}


def _plain(sql: str) -> str:
    return "".join(sql.replace('"', "").split())


def fresh(folder: Path) -> Path:
    folder.mkdir()
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as raw:
        migrate(raw, "a new one")
    return folder / DATABASE


def test_no_released_schema_is_left_out() -> None:
    assert [int(file.stem) for file in FIXTURES] == list(range(1, len(FIXTURES) + 1))


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.stem)
def test_a_fixture_has_rows_in_every_table(file: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(restore(file, tmp_path))) as raw:
        tables = raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        assert tables
        for (table,) in tables:
            assert raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0], table


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.stem)
async def test_a_released_database_is_like_a_new_one_afterwards(file: Path, tmp_path: Path) -> None:
    database = restore(file, tmp_path / "old")
    assert schema(database)[0] == int(file.stem)
    async with running(opening("file", tmp_path / "old")):
        pass
    assert schema(database) == schema(fresh(tmp_path / "new"))


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.stem)
async def test_what_a_released_database_holds_is_read(file: Path, tmp_path: Path) -> None:
    restore(file, tmp_path)
    async with running(opening("file", tmp_path)) as opened:
        await read_events(opened.store)
        await read_runs(opened.store)
        await read_messages(opened.store)
        await read_the_rest(opened.store)
        assert await one(opened.store, ClaimRun(run=OPEN.id, owner="me")) == 2
        await one(opened.store, changed(OPEN, epoch=2, state="succeeded"))
        assert await opened.store.claims_due(10) == [DueClaim("evt_2", CLAIM, failed=False)]


async def read_events(store: SqliteStore) -> None:
    expected = EventRow(seq=1, event=fixture.event("1"), catalog=None, duplicates=1, size=29)
    assert await store.event("evt_1") == expected
    assert await store.event_by_id("shop", "1") == expected
    assert [row.event.key for row in await store.events(Page())] == ["evt_3", "evt_2", "evt_1"]
    (disposition,) = await store.dispositions("evt_1")
    assert (disposition.outcome, disposition.run) == ("ran", ENDED.id)
    assert await store.find("evt_3") == ["evt_3"]
    assert await store.claims_due(10) == []


async def read_runs(store: SqliteStore) -> None:
    row = await store.run(ENDED.id)
    assert row is not None
    assert (row.state, row.result, row.error, row.epoch) == ("failed", RESULT, ERROR, 1)
    assert (row.started_at, row.finished_at, row.lineage) == (NOW, NOW + 9, ("ended",))
    assert await store.tasks(ENDED.id) == list(TASKS)
    assert await store.item_counts(ENDED.id) == {"each": {"failed": 1, "succeeded": 1}}
    assert await store.failed_attempts(ENDED.id) == [
        FailedAttempt("each[1]", 1, NOW, NOW + 1, ERROR)
    ]
    assert [run.id for run in await store.unfinished()] == [OPEN.id]
    assert [run.id for run in await store.ready("waiting", 9)] == [WAITING.id]
    assert await store.run_counts() == {
        "ended": {"failed": 1},
        "open": {"running": 1},
        "waiting": {"queued": 1},
    }


async def read_messages(store: SqliteStore) -> None:
    gone, pending = await store.outbox()
    assert (pending.message, pending.state, pending.run) == (PENDING, "pending", ENDED.id)
    assert (gone.message, gone.state, gone.attempts, gone.error) == (GONE, "dead", 9, "gone")


async def read_the_rest(store: SqliteStore) -> None:
    assert await store.positions("kafka:topic") == {"0": "17"}
    assert [row.record for row in await store.dead_records(Page())] == [DEAD]
    assert await store.flow_state("ended") == {"cursor": b"17"}
    assert await store.paused() == ["waiting"]
    assert await store.catalog("cat_1") == b"[1]"
    version = await store.version("ended", "v1")
    assert version is not None
    assert version.sources == {"f.py": "x"}
    assert len(await store.folder_id()) == 32


MIGRATE = """
import sqlite3, sys
from triphammer.service.store.sqlite.migrations import migrate
raw = sqlite3.connect(sys.argv[1], isolation_level=None)
raw.execute("PRAGMA synchronous = FULL")
migrate(raw, "test")
raw.close()
"""


STRACE = ("strace", "-f", "-o", "/dev/null", "-e")


@pytest.mark.slow
@pytest.mark.parametrize(("call", "step"), [("pwrite64", 7), ("fdatasync", 1)])
def test_a_migration_that_is_killed_is_whole_or_not_there(
    call: str, step: int, tmp_path: Path
) -> None:
    if shutil.which("strace") is None:
        assert os.environ.get("CI") != "true", "strace is missing"
        pytest.skip("strace is missing")
    before = schema(restore(FIXTURES[0], tmp_path / "before"))
    known = {before[0]: before[1]}
    for number in range(1, 5000, step):  # each migration has many writes: some of them will do
        database = restore(FIXTURES[0], tmp_path / str(number))
        kill = f"inject={call}:signal=KILL:when={number}"
        ended = subprocess.run(
            [*STRACE, f"trace={call}", "-e", kill, sys.executable, "-c", MIGRATE, str(database)],
            check=False,
            capture_output=True,
        )
        version, found = schema(database)
        assert known.setdefault(version, found) == found
        with closing(sqlite3.connect(database, isolation_level=None)) as raw:
            migrate(raw, "the next start")
        assert schema(database)[0] == len(migrations())
        if ended.returncode == 0:
            assert number > 1
            return
        assert ended.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), ended.stderr
    pytest.fail("it never came to its end")
