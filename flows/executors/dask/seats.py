"""Threads of our own on a Dask worker, for attempts that take resources.

Dask's threads may end at any time and run nothing when they do, so that nothing could be closed.
"""

from __future__ import annotations

import asyncio
import atexit
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

from triphammer.flows.executors.contract import AttemptResult
from triphammer.flows.executors.seat import Seat

IDLE_SECONDS = 300.0
"""Resources that no attempt has taken for so long are closed: nobody tells of reloads here."""
LEAVE_SECONDS = 5.0
"""So long may all take to close theirs when the worker ends."""

Carry = Callable[[Seat], AttemptResult]


class Seats:
    """As many as there are attempts with resources at once."""

    def __init__(self, idle: float = IDLE_SECONDS) -> None:
        self._idle = idle
        self._lock = Lock()
        self._free: list[_Seated] = []
        self._all: set[_Seated] = set()
        atexit.register(self.close)

    def carry_out(self, carry: Carry) -> AttemptResult:
        """What `carry` gives, called in the thread of a seat."""
        with self._lock:
            seated = self._free.pop() if self._free else self._new()
        done: SimpleQueue[AttemptResult] = SimpleQueue()
        seated.asked.put((carry, done))
        return done.get()

    def close(self) -> None:
        """Close the resources of all that are free, and wait for it for a while."""
        with self._lock:
            leaving, self._free = self._free, []
        for seated in leaving:
            seated.asked.put(None)
        until = time.monotonic() + LEAVE_SECONDS
        for seated in leaving:
            seated.thread.join(max(until - time.monotonic(), 0.0))

    def wait_empty(self) -> None:
        """Return once no seat is left: all have been idle for long."""
        for seated in list(self._all):
            seated.thread.join()

    def _new(self) -> _Seated:
        seated = _Seated(self._serve)
        self._all.add(seated)
        seated.thread.start()
        return seated

    def _serve(self, seated: _Seated) -> None:
        with asyncio.Runner() as runner:
            seat = Seat(runner)
            while (asked := self._next(seated)) is not None:
                carry, done = asked
                result = carry(seat)
                with self._lock:
                    self._free.append(seated)
                done.put(result)
            seat.close()
        self._all.discard(seated)

    def _next(self, seated: _Seated) -> tuple[Carry, Any] | None:
        while True:
            try:
                return seated.asked.get(timeout=self._idle)
            except Empty:
                with self._lock:
                    if seated in self._free:  # else it is about to be asked
                        self._free.remove(seated)
                        return None


class _Seated:
    """One thread and what it is asked to do; None: to leave."""

    def __init__(self, serve: Callable[[_Seated], None]) -> None:
        self.asked: SimpleQueue[tuple[Carry, SimpleQueue[AttemptResult]] | None] = SimpleQueue()
        self.thread = Thread(target=serve, args=(self,), name="triphammer seat", daemon=True)
