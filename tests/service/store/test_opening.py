"""The stores of a data folder: refused, reopened, killed, and on a disk that is full."""

from __future__ import annotations

import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from tests.contracts.store_cases import a_run, accept, an_event, one, opening, ran, running
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.errors import FolderLocked, SchemaTooNew, StoreError
from triphammer.service.store.contract import Decided, Outcome, Page
from triphammer.service.store.opening import DATABASE, open_folder

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    event, run = an_event(), a_run()
    async with running(opening("file", tmp_path / "deep" / "data")) as opened:
        await one(opened.store, accept(ran(event, run)))
        digest = opened.artifacts.put(b"content")
        folder_id = await opened.store.folder_id()
    async with running(opening("file", tmp_path / "deep" / "data")) as opened:
        row = await opened.store.event(event.key)
        assert row is not None
        assert row.event.data == event.data
        assert [r.id for r in await opened.store.runs(Page(state="queued"))] == [run.id]
        assert opened.artifacts.get(digest) == b"content"
        assert await opened.store.folder_id() == folder_id


async def test_closing_commits_what_has_queued(tmp_path: Path) -> None:
    events = [an_event() for _ in range(30)]
    outcomes: list[Outcome] = []
    async with running(opening("file", tmp_path)) as opened:
        for event in events:
            opened.store.post([accept(Decided(event=event))], outcomes.extend)
    assert len(outcomes) == 30
    async with running(opening("file", tmp_path)) as opened:
        assert all([await opened.store.event(event.key) for event in events])
    assert not (tmp_path / f"{DATABASE}-wal").exists()


async def test_a_folder_is_open_once(tmp_path: Path) -> None:
    async with running(opening("file", tmp_path)):
        with pytest.raises(FolderLocked):
            async with opening("file", tmp_path):
                pass


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    async with opening("file", tmp_path):
        pass
    with sqlite3.connect(tmp_path / DATABASE) as raw:
        raw.execute("PRAGMA user_version = 999")
    raw.close()
    with pytest.raises(SchemaTooNew, match="999"):
        async with opening("file", tmp_path):
            pass


async def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=str(tmp_path)):
        async with opening("file", tmp_path):
            pass
    assert (tmp_path / DATABASE).read_bytes().startswith(b"not a database")


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="file/data"):
        async with opening("file", tmp_path / "file" / "data"):
            pass


@contextmanager
def full_disk(size: int) -> Generator[None]:
    """No file of this process can grow beyond `size` bytes: what a full disk feels like."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    failures: list[Exception] = []
    kept, lost, later = an_event(), an_event(data="x" * 2_000_000), an_event()
    posted: list[Outcome] = []
    stores = open_folder(tmp_path, failed=failures.append, published=lambda _: None)
    async with running(stores) as opened:
        await one(opened.store, accept(Decided(event=kept)))
        with full_disk(500_000):
            opened.store.post([accept(Decided(event=later))], posted.extend)
            with pytest.raises(StoreUnavailable, match="cannot commit"):
                await one(opened.store, accept(Decided(event=lost)))
        with pytest.raises(StoreUnavailable):
            await one(opened.store, accept(Decided(event=later)))
        row = await opened.store.event(kept.key)
        assert row is not None
    assert len(failures) == 1
    # `later` was in the group of `lost`, or in one before it; told apart by its outcome.
    assert len(posted) == 1
    async with running(opening("file", tmp_path)) as opened:
        assert await opened.store.event(kept.key) is not None
        assert await opened.store.event(lost.key) is None
        stored = await opened.store.event(later.key) is not None
        assert stored != isinstance(posted[0], StoreUnavailable)
        for event in (lost, later):
            await one(opened.store, accept(Decided(event=event)))
            assert await opened.store.event(event.key) is not None


async def test_a_read_that_fails_is_unavailability(tmp_path: Path) -> None:
    async with running(opening("file", tmp_path)) as opened:
        raw = sqlite3.connect(tmp_path / DATABASE)
        raw.execute("DROP TABLE paused")
        raw.close()
        with pytest.raises(StoreUnavailable, match="cannot be read"):
            await opened.store.paused()


COMMIT_IN_A_LOOP = """
import sys
from pathlib import Path
import anyio
from tests.contracts.store_cases import a_run, accept, an_event, opening, ran, running
from triphammer.config.ids import new_id

async def main():
    async with running(opening("file", Path(sys.argv[1]))) as opened:
        async def work():
            while True:
                event = an_event(new_id("evt"))
                await opened.store.commit([accept(ran(event, a_run()))])
                print(event.key, flush=True)
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(work)

anyio.run(main)
"""


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for _ in range(2):
        acknowledged += await anyio.to_thread.run_sync(_commit_until_killed, tmp_path)
        async with running(opening("file", tmp_path)) as opened:
            assert (await opened.store.queued_counts())["orders"] >= len(acknowledged)
            for key in acknowledged:
                assert await opened.store.event(key) is not None
    with sqlite3.connect(tmp_path / DATABASE) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    raw.close()


def _commit_until_killed(folder: Path) -> list[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMIT_IN_A_LOOP, str(folder)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        keys = [process.stdout.readline().strip() for _ in range(300)]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines(keepends=True)
    # The last line may have been cut off by the kill.
    return keys + [line.strip() for line in rest if line.endswith("\n")]
