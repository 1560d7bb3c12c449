"""Ends what keeps a simulation from going on: a task that never yields, or never lets time pass."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from triphammer.flows.places import NOWHERE, Place, is_users
from triphammer.testing.virtual_loop import VirtualLoop


class NeverYields(RuntimeError):
    """A task has kept a simulation from going on."""


class Patience:
    """Watches a loop that this thread drives; `seconds` are real ones.

    Code that holds the loop for so long is interrupted: its task fails, as anything that raises
    does. Where many steps are made and no virtual time passes, the drive itself ends with
    `NeverYields`. A worker thread may take its time.
    """

    def __init__(self, loop: VirtualLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._driver = threading.get_ident()
        self._over = threading.Event()
        self._seen: tuple[int, float, int] | None = None
        self._since = 0.0

    @contextmanager
    def watching(self) -> Generator[None]:
        """Watch while the context is open."""
        thread = threading.Thread(target=self._watch, name="triphammer-patience", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._seconds / 4):
            self._look()

    def _look(self) -> None:
        loop, now = self._loop, time.monotonic()
        state = loop.progress()
        seen = self._seen
        if state is None or seen is None or state[:2] != seen[:2] or loop.threads_work():
            self._seen, self._since = state, now
        elif now - self._since >= self._seconds:
            # The turns tell whether it is one long step or very many.
            self._end(stuck=state[2] == seen[2])
            self._since = now
        else:
            self._seen = state

    def _end(self, *, stuck: bool) -> None:
        name, place = self._loop.current(), self._place()
        if not stuck:
            self._loop.give_up(NeverYields(self._text(f"{name or 'something'} and others", place)))
        elif name is not None and place is not NOWHERE:
            _raise_in(self._driver, self._text(name, place))

    def _text(self, who: str, place: Place) -> str:
        where = "" if place is NOWHERE else f" (it is at {place})"
        return (
            f"{who} kept the simulation from going on for {self._seconds:g} s{where}: it never "
            "awaits anything that takes time. In the daemon a coroutine like this blocks all others"
        )

    def _place(self) -> Place:
        """The innermost line of user code on the loop."""
        frame: FrameType | None = sys._current_frames().get(self._driver)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        while frame is not None and frame.f_code is not VirtualLoop.drive.__code__:
            if is_users(frame.f_code.co_filename):
                return Place(frame.f_code.co_filename, frame.f_lineno)
            frame = frame.f_back
        return NOWHERE


def _raise_in(thread: int, text: str) -> None:
    """Raise `NeverYields` in another thread, as soon as it is in Python code."""

    def init(self: NeverYields) -> None:
        RuntimeError.__init__(self, text)

    # The interpreter takes a class and makes the exception itself, without arguments.
    raised = type("NeverYields", (NeverYields,), {"__init__": init})
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(raised))
