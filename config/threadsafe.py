"""Reaching the service loop from another thread without waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

CallSoon = Callable[[Callable[[], object]], object]


def thread_caller() -> CallSoon:
    """A function that, called from any thread, has the running loop call its argument soon.

    anyio has none that does not block the calling thread. After the loop has ended calls are
    dropped: nobody is left who could miss them.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return _trio_caller()

    def call_soon(function: Callable[[], object]) -> None:
        try:
            loop.call_soon_threadsafe(function)
        except RuntimeError:
            if not loop.is_closed():
                raise

    return call_soon


def _trio_caller() -> CallSoon:
    import trio

    token = trio.lowlevel.current_trio_token()

    def call_soon(function: Callable[[], object]) -> None:
        try:
            token.run_sync_soon(function)
        except trio.RunFinishedError:
            return

    return call_soon
