"""How far attempts say that they are, taken in from any thread and told of together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from triphammer.flows.context import TaskContext
from triphammer.flows.executors.doorbell import Doorbell

EVERY = 500_000
"""Microseconds between two times that they are told of."""


class Advances:
    """Many calls of `context().progress` come to one row of each attempt, at most twice a second.

    `at` calls back at a point of the clock, `tell` is given those that have said something.
    """

    def __init__(
        self,
        at: Callable[[int, Callable[[], None]], None],
        now: Callable[[], int],
        tell: Callable[[Sequence[TaskContext]], None],
    ) -> None:
        self._at = at
        self._now = now
        self._tell = tell
        self._lock = Lock()
        self._said: dict[TaskContext, None] = {}
        self._bell: Doorbell | None = None
        self._free = 0

    def listen(self) -> None:
        """Take in from now on; on the loop."""
        self._bell = Doorbell(self._heard)
        if self._said:
            self._bell.ring()

    def note(self, context: TaskContext) -> None:
        """An attempt has said how far it is; callable from any thread."""
        with self._lock:
            first = not self._said
            self._said[context] = None
        if first and self._bell is not None:
            self._bell.ring()

    def _heard(self) -> None:
        self._at(max(self._now(), self._free), self._flush)

    def _flush(self) -> None:
        with self._lock:
            said, self._said = self._said, {}
        self._free = self._now() + EVERY
        if said:
            self._tell(list(said))
