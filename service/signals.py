"""Signals only set events: SIGTERM and SIGINT stop, SIGHUP reloads."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

import anyio
from anyio.abc import TaskStatus


async def obey_signals(
    stop: anyio.Event, reload: Callable[[], None], *, task_status: TaskStatus[None]
) -> None:
    """Turn signals into `stop` and `reload()` until cancelled.

    A second SIGTERM or SIGINT ends the process at once: what was acknowledged is stored, the
    rest is taken up at the next start. On a terminal SIGHUP means that the terminal is gone,
    so it stops.
    """
    watched = [signal.SIGTERM, signal.SIGINT]
    if hasattr(signal, "SIGHUP"):
        watched.append(signal.SIGHUP)
    with anyio.open_signal_receiver(*watched) as signals:
        task_status.started()
        async for number in signals:
            if number not in (signal.SIGTERM, signal.SIGINT) and not sys.stdout.isatty():
                reload()
            elif stop.is_set():
                os._exit(128 + number)
            else:
                stop.set()
