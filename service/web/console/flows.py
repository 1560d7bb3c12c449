"""`/flows`: all flows at a glance."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.service.web.pages import Pages
from triphammer.service.web.reading import Reading
from triphammer.service.web.trend import strip_in_words, strip_of

RECENT = 30
"""Ended runs of each flow that the list tells of."""
STRIP = 20
"""Of these so many are drawn."""


class FlowsPage:
    """The list of flows."""

    def __init__(self, reading: Reading, pages: Pages) -> None:
        self._reading = reading
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/flows", self.flows)]

    async def flows(self, request: Request) -> Response:
        """All flows by name, those that serve no more behind them; `?q=` narrows them."""
        asked = request.query_params.get("q", "").strip()
        flows = [flow for flow in await self._reading.flows() if asked in flow["name"]]
        removed = [flow for flow in await self._reading.removed_flows() if asked in flow["name"]]
        stats = await self._reading.store.flow_stats([flow["name"] for flow in flows], RECENT)
        return self._pages.page(
            "flows.html",
            flows=flows,
            removed=removed,
            errors=self._reading.load_errors,
            asked=asked,
            stats=stats,
            strips={name: strip_of(one.ended[:STRIP]) for name, one in stats.items()},
            words={name: strip_in_words(one.ended[:STRIP]) for name, one in stats.items()},
            recent=RECENT,
        )
