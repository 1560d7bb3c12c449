"""What makes one version of a file: its path, inode, size and time of change.

No device number: it changes when the same disk is mounted again.
"""

from __future__ import annotations

import os
from typing import Protocol


class Status(Protocol):
    """What of `os.stat_result` an identity is made from."""

    @property
    def st_ino(self) -> int: ...
    @property
    def st_size(self) -> int: ...
    @property
    def st_mtime_ns(self) -> int: ...


def identity_of(status: Status) -> str:
    """`inode:size:mtime_ns` of one version of a file."""
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"


def identity_at(path: str | os.PathLike[str]) -> str | None:
    """The identity of the file at `path`; None when there is none or it cannot be read."""
    try:
        return identity_of(os.stat(path))  # noqa: PTH116 - a hot path without a Path object
    except (OSError, ValueError):
        return None
