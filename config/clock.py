"""Time is an argument: the clock that every part is handed."""

from __future__ import annotations

import time
from typing import Protocol

import anyio

REREAD_SECONDS = 5.0
"""The wall clock is read again at least this often: suspend and steps do not move timers."""


def steady() -> int:
    """Microseconds that no step of the wall clock moves: to measure how long things take."""
    return time.monotonic_ns() // 1000


class Clock(Protocol):
    """Wall time as int64 microseconds UTC, and waiting for a point of it."""

    reread: float
    """Seconds after which it must be looked at again, since it may have been set meanwhile;
    infinite for a clock that nobody can set."""

    def now(self) -> int:
        """Microseconds since 1970-01-01 UTC."""
        ...

    async def wait_until(self, due: int) -> None:
        """Return once `now() >= due`, never earlier; follows steps of the wall clock."""
        ...


class SystemClock:
    """The machine's wall clock."""

    reread = REREAD_SECONDS

    def now(self) -> int:
        """Microseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1000

    async def wait_until(self, due: int) -> None:
        """Return once `now() >= due`.

        Loop timers may fire early (uvloop: up to 0.6 ms) and do not follow wall clock steps:
        the wall clock decides, and is re-read at least every `REREAD_SECONDS`.
        """
        while (left := due - self.now()) > 0:  # noqa: ASYNC110 - time itself is waited for
            await anyio.sleep(min(left / 1e6, REREAD_SECONDS))
