"""An asyncio loop whose time jumps: when everybody waits for a timer, it is due at once."""

from __future__ import annotations

import asyncio
import selectors
from asyncio import events
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Never sleeps: asks the loop to move its clock by the time it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: VirtualLoop | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout != 0 and self.loop is not None:
            self.loop.idle(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Driven from outside by `run_for`; between two drives nothing happens."""

    def __init__(self) -> None:
        selector = _JumpingSelector()
        self._seconds = 0.0
        self._limit = 0.0
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._seconds

    def idle(self, timeout: float | None) -> None:
        """Everybody waits: jump to the next timer, or stop at the limit of this drive."""
        due = float("inf") if timeout is None else self._seconds + timeout
        if due <= self._limit:
            self._seconds = due
        else:
            self._seconds = self._limit
            self.stop()

    def run_for(self, seconds: float) -> None:
        """Let everything happen that happens within the next virtual `seconds`."""
        self._limit = self._seconds + seconds
        self._drive()

    def complete(self, awaitable: Awaitable[T]) -> T:
        """The value of something that needs no time to pass."""
        task = self.create_task(_await(awaitable))
        self._limit = self._seconds
        self._drive()
        if not task.done():
            task.cancel()
            self._drive()
            raise RuntimeError("this needs time to pass: call sim.advance(...)")
        return task.result()

    def _drive(self) -> None:
        # A test may itself be a coroutine on another loop of this thread; that one stands
        # still while ours is driven.
        outer = events._get_running_loop()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - no public way
        events._set_running_loop(None)  # noqa: SLF001 - see above
        try:
            self.run_forever()
        finally:
            events._set_running_loop(outer)  # noqa: SLF001 - see above


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable


def unhandled(errors: list[BaseException], context: Mapping[str, Any]) -> None:
    """Exception handler of the loop: keeps what nobody else has seen."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        errors.append(error)
