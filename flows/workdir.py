"""The folder that is private to a run: made at first use, removed after success."""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Lock


class RunFolder:
    """`path` makes the folder; callable from any thread. `used`: it may be there already."""

    __slots__ = ("_lock", "_parent", "_run", "used")

    def __init__(self, parent: Path, run: str, *, used: bool) -> None:
        self._parent = parent
        self._run = run
        self._lock = Lock()
        self.used = used

    @property
    def place(self) -> str:
        """Where the folder is or would be."""
        return str(self._parent / self._run)

    @property
    def path(self) -> Path:
        """The folder, which exists. Raises OSError when it cannot be made."""
        path = self._parent / self._run
        with self._lock:
            path.mkdir(parents=True, exist_ok=True)
            self.used = True
        return path

    def remove(self) -> None:
        """Remove the folder with all that is in it; blocks. What cannot be removed stays."""
        shutil.rmtree(self._parent / self._run, ignore_errors=True)
