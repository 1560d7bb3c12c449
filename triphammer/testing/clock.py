"""The clock of a simulation: wall time that moves with the loop's virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf


class VirtualClock:
    """Begins at `start` and goes with the virtual `seconds` since then."""

    reread = inf

    def __init__(self, seconds: Callable[[], float], start: datetime) -> None:
        self._seconds = seconds
        self._start = round(start.timestamp() * 1_000_000)

    def now(self) -> int:
        """Microseconds since 1970 UTC."""
        return self._start + round(self._seconds() * 1e6)

    @property
    def time(self) -> datetime:
        """The same as a datetime."""
        return moment(self.now())

    async def wait_until(self, due: int) -> None:
        """Return once `now() >= due`."""
        while (left := due - self.now()) > 0:  # noqa: ASYNC110 - time itself is waited for
            await asyncio.sleep(left / 1e6)


def moment(micros: int) -> datetime:
    """Microseconds since 1970 as a datetime in UTC."""
    return datetime.fromtimestamp(micros / 1e6, UTC)
