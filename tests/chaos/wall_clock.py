"""The wall clock of a daemon, set while it runs: see `wall_clock.c`."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.preload import preloaded

SOURCE = Path(__file__).parent / "wall_clock.c"
_AHEAD = struct.Struct("=q")


class WallClock:
    """For processes started with `env`. Their monotonic clock is the machine's."""

    def __init__(self, place: Path) -> None:
        library = preloaded(SOURCE, place)
        file = place / "ahead"
        file.write_bytes(bytes(_AHEAD.size))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _AHEAD.size)
        self.env: Mapping[str, str] = {"LD_PRELOAD": str(library), "WALL_CLOCK": str(file)}

    def step(self, seconds: int) -> None:
        """Set it forward or, with a negative number, back. A suspend is a step forward, for
        the monotonic clock stands meanwhile."""
        (ahead,) = _AHEAD.unpack(self._shared[:])
        self._shared[:] = _AHEAD.pack(ahead + seconds * 1_000_000_000)
