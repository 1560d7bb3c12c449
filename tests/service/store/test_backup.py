from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from tests.contracts.store_cases import (
    a_run,
    begun,
    changed,
    one,
    opening,
    running,
)
from tests.service.store.fixture import FOLDER
from tests.service.store.test_released_schemas import restore
from triphammer.flows.journal import Encoded, LogLine
from triphammer.service.errors import StoreError
from triphammer.service.store.backup import back_up
from triphammer.service.store.contract import Page
from triphammer.service.store.inspection import inspect
from triphammer.service.store.layout import ARTIFACTS
from triphammer.service.store.opening import Opened

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def keep(opened: Opened, content: bytes) -> str:
    """A run whose result is an artifact."""
    run = a_run()
    await begun(opened.store, run)
    result = Encoded("artifact", opened.artifacts.put(content).encode(), "json")
    await one(opened.store, changed(run, state="succeeded", result=result))
    opened.logs.sink(run.id, "t", 1, [LogLine(1, "INFO", "x")])
    return run.id


async def test_a_copy_holds_all_that_was_committed_before(tmp_path: Path) -> None:
    folder, copy = tmp_path / "data", tmp_path / "deep" / "copy"
    async with running(opening("file", folder)) as opened:
        run = await keep(opened, b"content")
        id = await opened.store.folder_id()
        done = await anyio.to_thread.run_sync(back_up, folder, copy)
        later = await keep(opened, b"later")
    assert (done.artifacts, done.missing) == (1, 0)
    assert done.bytes > 0
    async with running(opening("file", copy)) as opened:
        row = await opened.store.run(run)
        assert row is not None
        assert row.result is not None
        assert opened.artifacts.get(row.result.body.decode()) == b"content"
        assert await opened.store.run(later) is None
        assert await opened.store.folder_id() == id
    assert list(copy.parent.iterdir()) == [copy]


async def test_a_copy_taken_under_load_fits_together(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    copies = [tmp_path / str(n) for n in range(5)]
    counts: list[int] = []
    async with running(opening("file", folder)) as opened, anyio.create_task_group() as load:

        async def work(number: int) -> None:
            for n in range(1_000_000):
                await keep(opened, b"%d %d" % (number, n))

        for number in range(4):
            load.start_soon(work, number)
        for copy in copies:
            before = len(await opened.store.runs(Page(limit=500)))
            await anyio.to_thread.run_sync(back_up, folder, copy)
            counts.append(before)
        load.cancel_scope.cancel()
    for copy, before in zip(copies, counts, strict=True):
        found = inspect(copy)
        # The flow of these runs has no stored version: that is not the copy's fault.
        assert [t for t in found.troubles if "flow version" not in t] == []
        assert found.counts["runs"] >= before


async def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    async with running(opening("file", tmp_path / "data")):
        pass
    (tmp_path / "copy").mkdir()
    folder = tmp_path / "data"
    for inside in (folder / "backup", folder / "artifacts" / "deep" / "er", folder):
        with pytest.raises(StoreError, match="is in the data folder itself"):
            back_up(folder, inside)
    assert not (folder / "backup").exists()
    with pytest.raises(StoreError, match="copy is there already"):
        back_up(tmp_path / "data", tmp_path / "copy")


def test_a_copy_that_fails_is_not_there(tmp_path: Path) -> None:
    restore(FOLDER / "0001.sql", tmp_path / "data")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="failed"):
        back_up(tmp_path / "data", tmp_path / "file" / "copy")
    with pytest.raises(StoreError, match="no database"):
        back_up(tmp_path / "none", tmp_path / "copy")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "file"]


async def test_artifacts_that_are_missing_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with running(opening("file", folder)) as opened:
        await keep(opened, b"content")
    for file in (folder / ARTIFACTS).rglob("*"):
        if file.is_file():
            file.unlink()
    done = back_up(folder, tmp_path / "copy")
    assert (done.artifacts, done.missing) == (0, 1)
