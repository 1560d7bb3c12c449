"""`/flows`: all flows."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.service.web.pages import Pages
from triphammer.service.web.reading import Reading


class FlowsPage:
    """The list of flows."""

    def __init__(self, reading: Reading, pages: Pages) -> None:
        self._reading = reading
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/flows", self.flows)]

    async def flows(self, request: Request) -> Response:
        """All flows by name, those that serve no more behind them."""
        return self._pages.page(
            "flows.html",
            flows=await self._reading.flows(),
            removed=await self._reading.removed_flows(),
            errors=self._reading.load_errors,
        )
