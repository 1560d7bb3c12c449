"""The folder that is private to a run: made at first use, removed after success."""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Lock


class RunFolder:
    """`path` makes the folder; callable from any thread. `used`: it may be there already."""

    __slots__ = ("_lock", "_path", "used")

    def __init__(self, path: Path, *, used: bool) -> None:
        self._path = path
        self._lock = Lock()
        self.used = used

    @property
    def path(self) -> Path:
        """The folder, which exists. Raises OSError when it cannot be made."""
        with self._lock:
            self._path.mkdir(parents=True, exist_ok=True)
            self.used = True
        return self._path

    def remove(self) -> None:
        """Remove the folder with all that is in it; blocks. What cannot be removed stays."""
        shutil.rmtree(self._path, ignore_errors=True)
