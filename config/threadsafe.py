"""Reaching the service loop from another thread without waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import sniffio

CallSoon = Callable[[Callable[[], object]], object]


def thread_caller() -> CallSoon:
    """A function that, called from any thread, has the running loop call its argument soon.

    anyio has none that does not block the calling thread. After the loop has ended calls are
    dropped: nobody is left who could miss them.
    """
    if sniffio.current_async_library() == "trio":
        import trio

        return trio.lowlevel.current_trio_token().run_sync_soon
    loop = asyncio.get_running_loop()

    def call_soon(function: Callable[[], object]) -> None:
        try:
            loop.call_soon_threadsafe(function)
        except RuntimeError:
            if not loop.is_closed():
                raise

    return call_soon
