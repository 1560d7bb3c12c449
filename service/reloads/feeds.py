"""What tells of changes in folders that lie anywhere: inotify, elsewhere watchfiles."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

import anyio
from watchfiles import Change, awatch

from triphammer.sensors.errors import SensorError
from triphammer.sensors.files.feed import News
from triphammer.sensors.files.globs import Globs
from triphammer.sensors.files.inotify import LIMITS, SUPPORTED, Inotify
from triphammer.sensors.files.portable import DEBOUNCE_MS, POLL_MS, STEP_MS
from triphammer.sensors.files.scanning import Scope

TOP = "/"
"""Paths are below it, as the files sensor's feeds tell them."""


class FolderFeed(Protocol):
    """Tells news of whole folders, without those below them."""

    async def watch(self, folders: Iterable[Path]) -> None:
        """Tell of these as well from now on. Raises `OSError` (of `LIMITS`) where it cannot."""
        ...

    async def run(self, news: News) -> None: ...

    def close(self) -> None: ...


def open_feed(*, poll: bool) -> FolderFeed:
    """inotify where there is any; `poll` asks the kernel for nothing. Raises `OSError`."""
    return Polled(poll=poll) if poll or not SUPPORTED else Notified()


class Notified:
    """Linux: one inotify watch a folder."""

    def __init__(self) -> None:
        self._inotify = Inotify(Scope(Path(TOP), Globs(["**"]), frozenset()))

    async def watch(self, folders: Iterable[Path]) -> None:
        await anyio.to_thread.run_sync(self._watch, tuple(folders))

    def _watch(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            try:
                self._inotify.watch(str(folder).strip(TOP))
            except SensorError:  # never: the top itself is not replaced
                continue
            except OSError as error:
                if error.errno in LIMITS:
                    raise
                # It is gone again, or not ours to read: the folder above tells of it.

    async def run(self, news: News) -> None:
        await self._inotify.run(news)

    def close(self) -> None:
        self._inotify.close()


class Polled:
    """watchfiles; begun anew when another folder joins."""

    def __init__(self, *, poll: bool) -> None:
        self._poll = poll
        self._folders: frozenset[Path] = frozenset()
        self._joined = anyio.Event()

    async def watch(self, folders: Iterable[Path]) -> None:
        more = self._folders | frozenset(folders)
        if more != self._folders:
            self._folders = more
            self._joined.set()

    async def run(self, news: News) -> None:
        while True:
            await self._joined.wait()
            self._joined = anyio.Event()
            there = [folder for folder in self._folders if folder.is_dir()]
            await self._tell(there, news)

    async def _tell(self, folders: Iterable[Path], news: News) -> None:
        changes = awatch(
            *folders,
            watch_filter=None,
            step=STEP_MS,
            debounce=DEBOUNCE_MS,
            stop_event=self._joined,
            force_polling=self._poll,
            poll_delay_ms=POLL_MS,
            recursive=False,
            ignore_permission_denied=True,
            yield_on_timeout=True,
            rust_timeout=1000,
        )
        async with aclosing(changes):
            begun = False
            async for batch in changes:
                if not begun:
                    begun = True
                    news.missed("watching has just begun")
                for change, path in batch:
                    tell = news.gone if change == Change.deleted else news.written
                    tell(path.lstrip(TOP))

    def close(self) -> None:
        """Nothing to give back."""
