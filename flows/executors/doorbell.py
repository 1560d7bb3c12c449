"""Rings a function on a loop from any thread: many rings before it is heard are one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from anyio.lowlevel import current_token


class Doorbell:
    """Made on the loop that answers. `answer` must take all that has come in."""

    __slots__ = ("_answer", "_post", "_rung")

    def __init__(self, answer: Callable[[], None]) -> None:
        token: Any = current_token()
        loop = getattr(token, "native_token", token)
        # asyncio's loops and trio's token name the same thing differently.
        self._post = getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon
        self._answer = answer
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
        self._answer()
