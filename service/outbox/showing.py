"""Shows messages instead of delivering them: for a daemon that somebody develops with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from triphammer.flows.journal import OutMessage
from triphammer.service.outbox.courier import Deliverer
from triphammer.service.outbox.outcome import Delivered, Outcome

Show = Callable[[OutMessage], None]


class Shown:
    """Every message counts as delivered once it has been shown."""

    def __init__(self, show: Show) -> None:
        self._show = show

    async def deliver(self, message: OutMessage) -> Outcome:
        self._show(message)
        return Delivered()


@asynccontextmanager
async def showing(show: Show) -> AsyncGenerator[Deliverer]:
    """What delivers by showing."""
    yield Shown(show)
