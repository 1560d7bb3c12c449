from __future__ import annotations

import os
import struct
from pathlib import Path

import anyio
import pytest

from triphammer.sensors.errors import SensorError
from triphammer.sensors.files.globs import Globs
from triphammer.sensors.files.inotify import IN_CREATE, IN_Q_OVERFLOW, Inotify, parse
from triphammer.sensors.files.scanning import Scope

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Told:
    """The news in order, as pairs of what and which path."""

    def __init__(self) -> None:
        self.news: list[tuple[str, str]] = []
        self._new = anyio.Event()

    def _tell(self, what: str, path: str) -> None:
        self.news.append((what, path))
        self._new.set()
        self._new = anyio.Event()

    async def until(self, what: str, path: str) -> None:
        while (what, path) not in self.news:
            await self._new.wait()

    def changed(self, path: str) -> None:
        self._tell("changed", path)

    def written(self, path: str) -> None:
        self._tell("written", path)

    def arrived(self, path: str) -> None:
        self._tell("arrived", path)

    def gone(self, path: str) -> None:
        self._tell("gone", path)

    def folder_came(self, path: str) -> None:
        self._tell("folder came", path)

    def folder_gone(self, path: str) -> None:
        self._tell("folder gone", path)

    def missed(self, reason: str) -> None:
        self._tell("missed", reason)


def scope(folder: Path) -> Scope:
    return Scope(folder, Globs(["**"]), frozenset())


def test_several_notifications_in_one_read() -> None:
    first = struct.pack("iIII", 1, IN_CREATE, 0, 16) + b"caf\xc3\xa9.csv".ljust(16, b"\0")
    overflow = struct.pack("iIII", -1, IN_Q_OVERFLOW, 0, 0)
    assert [tuple(one) for one in parse(first + overflow)] == [
        (1, IN_CREATE, os.fsdecode(b"caf\xc3\xa9.csv")),
        (-1, IN_Q_OVERFLOW, ""),
    ]


async def test_it_tells_what_happens_to_files_and_folders(tmp_path: Path) -> None:
    told, feed = Told(), Inotify(scope(tmp_path))
    (tmp_path / "sub").mkdir()
    feed.watch("")
    feed.watch("sub")
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(feed.run, told)
            await anyio.Path(tmp_path / "sub" / "a").write_bytes(b"x")
            await told.until("written", "sub/a")
            await anyio.Path(tmp_path / "sub" / "a").rename(tmp_path / "b")
            await told.until("arrived", "b")
            await anyio.Path(tmp_path / "sub").rename(tmp_path / "new")
            await told.until("folder came", "new")
            await anyio.Path(tmp_path / "new" / "unseen").touch()
            await anyio.Path(tmp_path / "b").unlink()
            await told.until("gone", "b")
            group.cancel_scope.cancel()
    feed.close()
    expected = [
        ("changed", "sub/a"),
        ("written", "sub/a"),
        ("gone", "sub/a"),
        ("arrived", "b"),
        ("folder gone", "sub"),
        ("folder came", "new"),
        ("gone", "b"),
    ]
    assert list(dict.fromkeys(told.news)) == expected


async def test_what_it_cannot_place_asks_for_a_scan(tmp_path: Path) -> None:
    told, feed = Told(), Inotify(scope(tmp_path))
    feed.watch("")
    feed._folders.clear()  # pyright: ignore[reportPrivateUsage] - the moment between call and entry
    (tmp_path / "a").touch()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(feed.run, told)
            await told.until("missed", "a notification came for a folder that was just added")
            group.cancel_scope.cancel()
    feed.close()


def test_a_folder_put_in_the_place_of_the_watched_one_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    feed = Inotify(scope(tmp_path / "inbox"))
    feed.watch("")
    feed.watch("")
    (tmp_path / "inbox").rename(tmp_path / "other")
    (tmp_path / "inbox").mkdir()
    with pytest.raises(SensorError, match="another one by now"):
        feed.watch("")
    feed.close()


def test_what_cannot_be_watched_is_an_error_of_the_system(tmp_path: Path) -> None:
    feed = Inotify(scope(tmp_path))
    with pytest.raises(FileNotFoundError):
        feed.watch("missing")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        feed.watch("file")
    feed.close()
