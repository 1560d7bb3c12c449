"""Rings a function on a loop from any thread: many rings before it is heard are one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any

from anyio.lowlevel import current_token


class Doorbell:
    """Made on the loop that answers. `answer` must take all that has come in.

    It is called as where the bell was made: what is logged then is not what the task says that
    has rung.
    """

    __slots__ = ("_answer", "_context", "_post", "_rung")

    def __init__(self, answer: Callable[[], None]) -> None:
        token: Any = current_token()
        loop = getattr(token, "native_token", token)
        # asyncio's loops and trio's token name the same thing differently.
        self._post = getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon
        self._answer = answer
        self._context = copy_context()
        self._rung = False

    def ring(self) -> None:
        """Let `answer` be called on the loop; callable from any thread."""
        if self._rung:
            return
        self._rung = True
        # A loop that has ended answers no more: nobody is left who waits for it.
        with suppress(RuntimeError):
            self._post(self._heard)

    def _heard(self) -> None:
        # Before the answer: what comes in from now on rings again.
        self._rung = False
        self._context.run(self._answer)
