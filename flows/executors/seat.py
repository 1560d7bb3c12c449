"""Where attempts that take resources are carried out one after the other: a thread with a loop."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any, TypeVar

from triphammer.flows.opened import Opened

T = TypeVar("T")


class Seat:
    """The resources that are open in this thread, with the loop that some of them live on.

    The loop turns while an attempt of this seat is carried out, and at the end.
    """

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._opened: Opened | None = None
        self._owners: asyncio.Task[None] | None = None

    def opened(self) -> Opened:
        """The resources; from now on the seat must be closed."""
        if self._opened is None:
            self._opened = Opened()
            loop = self._runner.get_loop()
            # Kept and waited for here; in a context of its own: it belongs to no attempt.
            self._owners = loop.create_task(self._opened.run(), context=contextvars.Context())
        return self._opened

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The value of `coroutine`, which runs in a copy of the caller's context."""
        return self._runner.run(coroutine, context=contextvars.copy_context())

    def close(self) -> None:
        """Close the resources."""
        if self._opened is not None:
            self._opened.stop()
            self._runner.run(self._ended())

    async def _ended(self) -> None:
        assert self._owners is not None
        await self._owners
