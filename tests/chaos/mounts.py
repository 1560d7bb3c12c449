"""Small disks of a test's own: a tmpfs that can be filled up, freed and made read-only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

BALLAST = "ballast"


class SmallDisk:
    """A mounted tmpfs of `size` bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def reserve(self, size: int) -> None:
        """Take `size` bytes away."""
        (self.folder / BALLAST).write_bytes(bytes(size))

    def free(self) -> None:
        """Give back what was reserved."""
        (self.folder / BALLAST).unlink()

    def protect(self) -> None:
        """Make it read-only, as soon as no file is open for writing."""
        while True:
            try:
                _run("mount", "-o", "remount,ro", str(self.folder))
            except subprocess.CalledProcessError as error:
                if b"busy" not in error.stderr:
                    raise
            else:
                return

    def unprotect(self) -> None:
        """Make it writable again."""
        _run("mount", "-o", "remount,rw", str(self.folder))


@contextmanager
def small_disk(folder: Path, *, size: str = "8m") -> Generator[SmallDisk]:
    """A tmpfs on `folder`; the test is skipped where nothing can be mounted (CI: fails)."""
    folder.mkdir(parents=True)
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        reason = f"a small disk cannot be mounted (it takes root): {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    try:
        yield SmallDisk(folder)
    finally:
        # What a test left open must not keep the mount for ever.
        _run("umount", "-l", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
