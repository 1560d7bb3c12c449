"""The file sensor: hears of changes, finds whole files, emits each version once.

One coroutine scans, looks and emits; beside it the feed only notes news. While `emit` waits
(back-pressure), files stay where they are and news go on being noted.

A position is stored for each file that was emitted: its version. So a start emits what came,
changed or went since, and nothing twice.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import anyio
from anyio.abc import TaskStatus

from triphammer.config.source import SensorSpec
from triphammer.sensors.contract import SensorContext
from triphammer.sensors.errors import SensorError
from triphammer.sensors.files.emitting import Emitting
from triphammer.sensors.files.feed import Feed
from triphammer.sensors.files.inotify import LIMITS, SUPPORTED, Inotify
from triphammer.sensors.files.options import merged, resolved
from triphammer.sensors.files.portable import Portable
from triphammer.sensors.files.scanning import Findings, scan

RECONCILE_SECONDS = 30.0
RECONCILE_SHARE = 200
"""A periodic scan takes at most this part of the time: big folders are scanned less often."""


class FilesSensor:
    """Watches one folder."""

    kind: ClassVar[str] = "files"

    def __init__(self, context: SensorContext) -> None:
        self._context = context
        self._options = resolved(context.spec, context.root)
        self._scope = self._options.scope
        self._limit: str | None = None
        self._unreadable: list[str] = []
        self._next_scan = 0.0

    @classmethod
    def merge(cls, specs: Sequence[SensorSpec]) -> SensorSpec:
        """One sensor for a folder. Raises SourceError when flows want different fates."""
        return merged(specs)

    @classmethod
    def build(cls, context: SensorContext) -> Self:
        return cls(context)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Watch until cancelled. Raises SensorError when the folder cannot be read, or goes."""
        await anyio.to_thread.run_sync(_prepare, self._scope.folder, self._context.log)
        emitting = Emitting(self._context, self._options, self._report)
        await emitting.load()
        feed, findings = await self._open()
        try:
            await self._take_in(findings, emitting)
            self._report()
            async with anyio.create_task_group() as group:
                group.start_soon(feed.run, emitting.news)
                task_status.started()
                await self._work(feed, emitting)
        finally:
            feed.close()

    async def _open(self) -> tuple[Feed, Findings]:
        """A feed that watches all folders there are, and what they hold."""
        if not SUPPORTED:
            feed: Feed = Portable(self._scope)
            return feed, await self._scan(feed, [""])
        try:
            return await self._open_inotify()
        except OSError as error:
            if error.errno not in LIMITS:
                raise
            self._limit = (
                f"inotify's limits are reached ({error.strerror}): raise"
                " fs.inotify.max_user_watches or max_user_instances; until then"
                f" {self._scope.folder} is polled"
            )
            self._context.log.warning(self._limit)
            feed = Portable(self._scope, poll=True)
            return feed, await self._scan(feed, [""])

    async def _open_inotify(self) -> tuple[Feed, Findings]:
        feed = Inotify(self._scope)
        try:
            return feed, await self._scan(feed, [""])
        except BaseException:
            feed.close()
            raise

    async def _work(self, feed: Feed, emitting: Emitting) -> None:
        while True:
            wake = emitting.news.heard()
            folders = emitting.news.take_folders()
            if anyio.current_time() >= self._next_scan:
                folders = [""]
            if folders:
                await self._take_in(await self._rescan(feed, folders), emitting)
                self._report()
            elif not await emitting.emit_due():
                await self._wait(wake, emitting.due_in())

    async def _wait(self, wake: anyio.Event, seconds: float) -> None:
        """Wait for news, for a file that is due, or for the next scan."""
        left = self._next_scan - anyio.current_time()
        with anyio.move_on_after(max(0.0, min(left, seconds))):
            await wake.wait()

    async def _rescan(self, feed: Feed, folders: Sequence[str]) -> Findings:
        try:
            return await self._scan(feed, folders)
        except OSError as error:
            # Started anew, the sensor watches in another way.
            raise SensorError(f"inotify's limits are reached: {error.strerror}") from error

    async def _scan(self, feed: Feed, folders: Sequence[str]) -> Findings:
        try:
            findings = await anyio.to_thread.run_sync(scan, self._scope, folders, feed.watch)
        except OSError as error:
            if error.errno in LIMITS:
                raise
            raise _unreadable(self._scope.folder, error) from error
        return findings

    async def _take_in(self, findings: Findings, emitting: Emitting) -> None:
        await emitting.found(findings)
        if findings.whole:
            self._next_scan = anyio.current_time() + max(
                RECONCILE_SECONDS, RECONCILE_SHARE * findings.seconds
            )
            if findings.unreadable != self._unreadable:
                self._unreadable = findings.unreadable
                for folder in findings.unreadable:
                    self._context.log.warning("cannot read the folder %s", folder)

    def _report(self) -> None:
        reason = self._limit
        if self._unreadable:
            reason = f"cannot read the folder {self._unreadable[0]}"
        self._context.ready(reason)


def _prepare(folder: Path, log: logging.Logger) -> None:
    """Make the folder where it is missing. Raises SensorError."""
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise _unreadable(folder, error) from error
    log.warning("the watched folder %s was missing and has been created", folder)


def _unreadable(folder: Path, error: OSError) -> SensorError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    return SensorError(
        f"the watched folder {folder} cannot be read: {reason}. It must be a folder that the"
        " daemon's user may list and enter"
    )
