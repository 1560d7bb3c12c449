"""What says that files have changed: by notifications, and by looking again and again."""

from __future__ import annotations

import errno
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path, PosixPath

import anyio
import anyio.from_thread
import pytest

from triphammer.flows.snapshot import Snapshot
from triphammer.sensors.files.feed import News
from triphammer.service.reloads import watch as module
from triphammer.service.reloads.feeds import FolderFeed, open_feed
from triphammer.service.reloads.watch import FileWatch

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
LOG = logging.getLogger("test")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Asked:
    """Counts how often a reload was asked for."""

    def __init__(self) -> None:
        self.count = 0
        self._more = anyio.Event()

    def __call__(self) -> None:
        self.count += 1
        self._more.set()

    async def more(self) -> None:
        await self._more.wait()
        self._more = anyio.Event()


@asynccontextmanager
async def watching(root: Path, snapshot: Snapshot) -> AsyncGenerator[tuple[FileWatch, Asked]]:
    asked = Asked()
    watch = FileWatch(root, asked, LOG)
    watch.follow(snapshot)
    async with anyio.create_task_group() as group:
        group.start_soon(watch.run)
        yield watch, asked
        group.cancel_scope.cancel()


def seen(folder: Path) -> Snapshot:
    snapshot = Snapshot()
    for file in snapshot.python_files(folder):
        snapshot.content(file)
    return snapshot


@pytest.fixture(params=[False, True], ids=["notified", "polled"])
def poll(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Polled: as where inotify's limits are reached."""
    if request.param:

        def limited(*, poll: bool) -> FolderFeed:
            if not poll:
                raise OSError(errno.EMFILE, "Too many open files")
            return open_feed(poll=True)

        monkeypatch.setattr(module, "open_feed", limited)
    return bool(request.param)


async def test_a_change_is_told_of(tmp_path: Path, poll: bool) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "a.py").write_text("1")
    snapshot = seen(flows)
    async with watching(tmp_path, snapshot) as (watch, asked):
        if poll:  # which tells once, when it begins
            await asked.more()
        for change in (
            lambda: (flows / "a.py").write_text("two"),
            lambda: (flows / "b.py").write_text("1"),
            lambda: (flows / "a.py").unlink(),
        ):
            change()
            while snapshot.holds():
                await asked.more()
            await asked.more()
            snapshot = seen(flows)
            watch.follow(snapshot)


async def test_what_changed_before_it_was_watched_is_told_of(tmp_path: Path, poll: bool) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    snapshot = seen(flows)
    (flows / "a.py").write_text("1")
    async with watching(tmp_path, snapshot) as (_, asked):
        await asked.more()


async def test_a_folder_that_joins_is_watched_as_well(tmp_path: Path, poll: bool) -> None:
    flows, lib = tmp_path / "flows", tmp_path / "lib"
    flows.mkdir()
    lib.mkdir()
    async with watching(tmp_path, seen(flows)) as (watch, asked):
        wider = seen(flows)
        assert not wider.is_file(lib / "helper.py")
        watch.follow(wider)
        if poll:
            await asked.more()
        (lib / "helper.py").write_text("1")
        while wider.holds():
            await asked.more()


class Leaving(PosixPath):
    """A lock that goes, and is told to have gone, while a thread has just seen it."""

    gone: Callable[[], None]
    is_there = True

    def exists(self, **_: bool) -> bool:
        was, self.is_there = self.is_there, False
        if was:
            anyio.from_thread.run_sync(self.gone)
        return was


class Told:
    """A feed that tells what the test says."""

    news: News

    def __init__(self) -> None:
        self.begun = anyio.Event()
        self.watched: list[frozenset[Path]] = []

    async def watch(self, folders: Iterable[Path]) -> None:
        self.watched.append(frozenset(folders))

    async def run(self, news: News) -> None:
        self.news = news
        self.begun.set()

    def close(self) -> None:
        pass


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Told:
    feed = Told()

    def told(*, poll: bool) -> FolderFeed:
        return feed

    monkeypatch.setattr(module, "open_feed", told)
    return feed


async def test_a_lock_that_goes_while_it_is_looked_at_is_not_waited_for(
    tmp_path: Path, feed: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Leaving(tmp_path / "index.lock")
    lock.gone = lambda: feed.news.gone(str(lock).lstrip("/"))

    def lock_of(root: Path) -> Path:
        return lock

    monkeypatch.setattr(module, "index_lock", lock_of)
    (tmp_path / "a.py").write_text("1")
    snapshot = seen(tmp_path)
    (tmp_path / "a.py").write_text("2")
    async with watching(tmp_path, snapshot) as (_, asked):
        await asked.more()
    assert not lock.is_there


async def test_a_folder_that_takes_the_place_of_another_is_watched(
    tmp_path: Path, feed: Told
) -> None:
    """With the same in it nothing is loaded, but what is saved there from now on counts."""
    (tmp_path / "a.py").write_text("1")
    async with watching(tmp_path, seen(tmp_path)) as (_, asked):
        await feed.begun.wait()
        feed.news.folder_came(str(tmp_path).lstrip("/"))
        await asked.more()
    assert len(feed.watched) == 2
    assert feed.watched[1] == feed.watched[0] > {tmp_path}
