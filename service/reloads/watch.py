"""Says when the files that the flows were loaded from may have changed and it is quiet again."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import anyio

from triphammer.flows.snapshot import Snapshot
from triphammer.sensors.files.inotify import LIMITS
from triphammer.service.reloads.feeds import TOP, FolderFeed, open_feed
from triphammer.service.reloads.git import index_lock

QUIET_SECONDS = 0.2
"""Without a change for so long, a save of several files is over."""
UNREST_SECONDS = 30.0
"""When files change for so long without a pause, that is told of."""
LOCK_SECONDS = 5.0
"""After so long a lock of git's index is told of: a dead git may have left it behind."""


class FileWatch:
    """Follows the files of the newest snapshot and calls `changed` once they have settled."""

    def __init__(self, root: Path, changed: Callable[[], None], log: logging.Logger) -> None:
        self._lock = index_lock(root)
        self._changed = changed
        self._log = log
        self._news = FileNews(self._lock)
        self._snapshot: Snapshot | None = None
        self._poll = False
        self._quiet_at = 0

    def still(self) -> Callable[[], bool]:
        """Tells whether nothing has changed since `changed` was called last, as of now: what is
        saved then may be a part of something larger, also once that has settled in its turn."""
        quiet_at = self._quiet_at
        return lambda: self._news.count == quiet_at

    def follow(self, snapshot: Snapshot) -> None:
        """The flows in service are those of `snapshot`: its files are what counts now."""
        self._snapshot = snapshot
        self._news.wake()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            limit = await self._try()
            self._poll = True
            text = "inotify's limits are reached (%s): flow files are polled for changes"
            self._log.warning(text, limit.strerror)

    async def _try(self) -> OSError:
        """Watch with one feed; the error that it cannot go on for."""
        try:
            feed = open_feed(poll=self._poll)
        except OSError as error:
            if self._poll or error.errno not in LIMITS:
                raise
            return error
        try:
            return await self._use(feed)
        finally:
            feed.close()

    async def _use(self, feed: FolderFeed) -> OSError:
        async with anyio.create_task_group() as group:
            group.start_soon(feed.run, self._news)
            try:
                await self._watch(feed)
            except OSError as error:
                group.cancel_scope.cancel()
                return error
        raise AssertionError("unreachable: watching ends by an error")

    async def _watch(self, feed: FolderFeed) -> None:
        followed: Snapshot | None = None
        while True:
            heard, snapshot = self._news.next, self._snapshot
            if snapshot is not None:
                # Also after a change: another folder may stand in the place of one, with the
                # same in it, so that nobody loads anything and hands over a new snapshot.
                await feed.watch(await anyio.to_thread.run_sync(self._folders, snapshot))
            if snapshot is not None and snapshot is not followed:
                followed = snapshot
                # What has changed since it was read, before its folders were watched:
                if await anyio.to_thread.run_sync(snapshot.holds):
                    if not heard.is_set():
                        await heard.wait()
                    continue
            self._quiet_at = await self._settled()
            self._changed()
            if not heard.is_set():
                await heard.wait()

    def _folders(self, snapshot: Snapshot) -> frozenset[Path]:
        self._news.files = frozenset(str(file).lstrip(TOP) for file in snapshot.files())
        locks = () if self._lock is None else (self._lock.parent,)
        return snapshot.folders().union(locks)

    async def _settled(self) -> int:
        """Return when nothing has changed for a while and git is not at work: how much had."""
        tell_at = anyio.current_time() + UNREST_SECONDS
        while True:
            if anyio.current_time() > tell_at:
                tell_at += UNREST_SECONDS
                self._log.warning("Python files change all the time: loaded after a pause of 0.2 s")
            await self._unlocked()
            count = self._news.count
            await anyio.sleep(QUIET_SECONDS)
            if not await self._is_locked() and self._news.count == count:
                return count

    async def _unlocked(self) -> None:
        while True:
            heard = self._news.next  # before looking: the lock may go while a thread looks
            if not await self._is_locked():
                return
            with anyio.move_on_after(LOCK_SECONDS):
                await heard.wait()
                continue
            self._log.warning("%s is there: flow files are loaded once it is gone", self._lock)
            await heard.wait()

    async def _is_locked(self) -> bool:
        return self._lock is not None and await anyio.to_thread.run_sync(self._lock.exists)


class FileNews:
    """Counts what is told of Python files, folders and links, of git's lock, and of `files`."""

    def __init__(self, lock: Path | None) -> None:
        self._lock = None if lock is None else str(lock).lstrip(TOP)
        self.files: frozenset[str] = frozenset()
        self.count = 0
        self.next = anyio.Event()
        """Set at the next change."""

    def heard(self) -> None:
        """Something may have changed."""
        self.count += 1
        self.wake()

    def wake(self) -> None:
        """Whoever waits for a change is to look around."""
        self.next.set()
        self.next = anyio.Event()

    def changed(self, path: str) -> None:
        if path.endswith(".py") or path == self._lock or path in self.files or _is_link(path):
            self.heard()

    def written(self, path: str) -> None:
        self.changed(path)

    def arrived(self, path: str) -> None:
        self.changed(path)

    def gone(self, path: str) -> None:
        self.changed(path)

    def folder_came(self, path: str) -> None:
        self.heard()

    def folder_gone(self, path: str) -> None:
        self.heard()

    def missed(self, reason: str) -> None:
        self.heard()


def _is_link(path: str) -> bool:
    return os.path.islink(TOP + path)  # noqa: PTH114 - a hot path without a Path object
