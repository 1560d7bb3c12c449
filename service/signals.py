"""Signals only set events: SIGTERM and SIGINT stop, SIGHUP reloads."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import anyio
from anyio.abc import TaskStatus

STOPS = (signal.SIGTERM, signal.SIGINT)


async def obey_signals(
    stop: anyio.Event, reload: Callable[[], None], *, task_status: TaskStatus[None]
) -> None:
    """Turn signals into `stop` and `reload()` until cancelled.

    A second SIGTERM or SIGINT ends the process at once, with 128 + its number: what was
    acknowledged is stored, the rest is taken up at the next start. On a terminal SIGHUP means
    that the terminal is gone, so it stops.
    """
    hangup = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []
    with anyio.open_signal_receiver(*STOPS, *hangup) as signals:
        impatience = _Impatience(stop)
        for number in STOPS:
            signal.signal(number, impatience)
        task_status.started()
        async for number in signals:
            if number in STOPS or sys.stdout.isatty():
                stop.set()
            else:
                reload()


class _Impatience:
    """The interpreter's own handler: it also runs while something blocks the service loop.

    The loop is woken by the signal all the same, and stops in order after the first one.
    """

    def __init__(self, stop: anyio.Event) -> None:
        self._stop = stop
        self._asked = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self._asked or self._stop.is_set():
            name = signal.Signals(number).name
            text = f"{name} again: ending at once; what was acknowledged is stored\n"
            with suppress(OSError):  # nobody may be left who reads it
                os.write(2, text.encode())
            os._exit(128 + number)
        self._asked = True
