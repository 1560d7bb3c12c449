"""Faults of the disk, ordered while the process runs: see `faults.c`."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tests.chaos.preload import preloaded

SOURCE = Path(__file__).parent / "faults.c"
KINDS = {"write": 1, "fsync": 2, "open": 3}
_PLAN = struct.Struct("=5i")


class Fault(msgspec.Struct, frozen=True):
    """The call of a kind that comes after `after` others fails, or it and all later ones."""

    kind: str
    after: int
    error: int
    for_good: bool


class Faults:
    """Orders faults for processes started with `env`, for files below `folder`."""

    def __init__(self, place: Path, folder: Path) -> None:
        library = preloaded(SOURCE, place)
        self._file = place / "plan"
        self._file.write_bytes(bytes(_PLAN.size))
        with self._file.open("r+b") as opened:
            self._plan = mmap.mmap(opened.fileno(), _PLAN.size)
        self.env: Mapping[str, str] = {
            "LD_PRELOAD": str(library),
            "FAULT_PLAN": str(self._file),
            "FAULT_FOLDER": str(folder.resolve()),
        }

    def order(self, fault: Fault) -> None:
        """From now on."""
        # The kind is what arms it, and is written last.
        self._plan[4:20] = struct.pack("=4i", fault.after, fault.error, fault.for_good, 0)
        self._plan[0:4] = struct.pack("=i", KINDS[fault.kind])

    def heal(self) -> int:
        """Nothing fails any more; how many calls have."""
        self._plan[0:4] = bytes(4)
        return self.fired

    @property
    def fired(self) -> int:
        """How many calls have failed since the order."""
        fired: int = _PLAN.unpack(self._plan[:])[4]
        return fired
