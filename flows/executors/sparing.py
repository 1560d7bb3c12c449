"""Tells how far an attempt is, where each telling costs a message to another process."""

from __future__ import annotations

import time
from collections.abc import Callable

from triphammer.flows.context import TaskContext

SECONDS = 0.1
SHARE = 0.01
"""Of the whole: so much nearer to the end is told of at once."""


class Sparing:
    """What an attempt's context is given as `notice`: ten times a second is told, and each
    hundredth. What is left out comes with the result."""

    def __init__(
        self, tell: Callable[[float, float], None], ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell = tell
        self._ticks = ticks
        self._last = 0.0
        self._next = 0.0

    def __call__(self, context: TaskContext) -> None:
        """The attempt has said how far it is."""
        if context.reached is None:
            return
        (done, total), now = context.reached, self._ticks()
        if now >= self._next or abs(done - self._last) >= SHARE * abs(total) > 0:
            self._next, self._last = now + SECONDS, done
            self._tell(done, total)
