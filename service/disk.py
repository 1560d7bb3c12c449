"""Looks after the disk of the data folder: `/readyz` says what is wrong before a write fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import anyio
from anyio.abc import TaskStatus

from triphammer.config.sizes import format_size
from triphammer.service.health import Health
from triphammer.service.store.trouble import ROOM

LOOK_SECONDS = 0.5
PART = "disk"


class DiskWatch:
    """Reports the part `disk`: full, read-only, gone, or no file can be opened any more.

    A store that nobody writes to would not notice by itself.
    """

    def __init__(self, folder: Path, health: Health) -> None:
        self._folder = folder
        self._health = health

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Look until cancelled; the first look is done when this has started."""
        await self._look()
        task_status.started()
        while True:
            await anyio.sleep(LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        # A broken disk may answer late: neither the loop nor a stop must wait for it.
        reason = await anyio.to_thread.run_sync(trouble_of, self._folder, abandon_on_cancel=True)
        self._health.report(PART, reason, essential=True)


def trouble_of(folder: Path) -> str | None:
    """Why nothing can be written below `folder`; None when it seems that it can."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            disk = os.fstatvfs(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            return "too many files are open: raise the limit (ulimit -n, LimitNOFILE=)"
        return f"the data folder {folder} cannot be opened: {error.strerror}"
    if disk.f_flag & os.ST_RDONLY:
        return f"the disk of {folder} is mounted read-only"
    free = disk.f_bavail * disk.f_frsize
    if free < ROOM:
        return f"the disk of {folder} is full: {format_size(free)} left"
    return None
