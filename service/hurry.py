"""A clock that does not wait while nothing goes on: `run --fast`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from triphammer.config.clock import REREAD_SECONDS, Clock

Quiet = Callable[[], Awaitable[None]]
"""Returns once nothing is under way; it lets others have their turn first."""


SETTLE = 0.01
"""Seconds for which all must be quiet: what a due time has begun may still be on its way, being
read from the store."""


class HurriedClock:
    """Time that passes as `clock` says, but jumps to what is due next while all is quiet.

    So backoffs, sleeps and turns of a rate take no time, in the order in which they would have
    ended; a task that works takes its time. Whoever waits for a point of time waits for this
    clock and needs to know nothing of it.
    """

    reread = REREAD_SECONDS

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = 0
        self._dues: list[int] = []
        self._quiet: Quiet = anyio.sleep_forever

    def follow(self, quiet: Quiet) -> None:
        """Jump when `quiet` returns; until it is known whom to follow, no time is skipped."""
        self._quiet = quiet

    def now(self) -> int:
        """Microseconds since 1970-01-01 UTC, those that were jumped over included."""
        return self._clock.now() + self._ahead

    async def wait_until(self, due: int) -> None:
        """Return once `now() >= due`."""
        self._dues.append(due)
        try:
            while (left := due - self.now()) > 0:
                with anyio.move_on_after(min(left / 1e6, self.reread)):
                    await self._pass()
        finally:
            self._dues.remove(due)

    async def _pass(self) -> None:
        """Jump to the first of all that is waited for: it may begin what the others wait behind.
        If time has passed meanwhile, somebody has begun something: all must be quiet anew."""
        before = self._ahead
        await self._quiet()
        await anyio.sleep(SETTLE)
        await self._quiet()
        if self._ahead == before:
            self._ahead += max(min(self._dues) - self.now(), 0)
