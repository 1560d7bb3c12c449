"""`/`: what can run, what ran last, what works."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.service.health import Health
from triphammer.service.store.contract import Page
from triphammer.service.web import views
from triphammer.service.web.pages import Pages
from triphammer.service.web.paging import MOST_BYTES
from triphammer.service.web.reading import Reading

RECENT = 15
"""Runs that the page shows."""


class NowPage:
    """The first page."""

    def __init__(self, reading: Reading, health: Health, pages: Pages) -> None:
        self._reading = reading
        self._health = health
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/", self.now)]

    async def now(self, request: Request) -> Response:
        """What can run, what ran last, what works."""
        recent = await self._reading.store.runs(Page(limit=RECENT, bytes=MOST_BYTES))
        return self._pages.page(
            "now.html",
            flows=await self._reading.flows(),
            removed=await self._reading.removed_flows(),
            errors=self._reading.load_errors,
            runs=[views.run(row) for row in recent],
            parts=sorted(self._health.parts().items()),
        )
