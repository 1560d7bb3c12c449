"""A data folder belongs to one daemon at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from triphammer.service.errors import FolderLocked

NAME = "lock"


@contextmanager
def folder_lock(folder: Path) -> Generator[None]:
    """Hold the folder's lock; the kernel lets go of it however the process ends.

    Raises `FolderLocked`, which names the folder and the process that holds it.
    """
    with (folder / NAME).open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise FolderLocked(
                f"the data folder {folder} is used by another daemon (process {holder}): "
                "stop that one, or name another folder with --data"
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield
