"""`/runs/compare?run=A&run=B`: runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.config.clock import Clock
from triphammer.service.errors import NotFound
from triphammer.service.store.contract import Page
from triphammer.service.web import views
from triphammer.service.web.comparing import MOST, Comparison, compared
from triphammer.service.web.pages import Pages
from triphammer.service.web.reading import Reading
from triphammer.service.web.run_overview import RunOverview, overview_of

OTHERS = 20
"""Runs of the same flow that are offered for a comparison."""


class ComparePage:
    """Two runs or more."""

    def __init__(self, reading: Reading, pages: Pages, clock: Clock) -> None:
        self._reading = reading
        self._clock = clock
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/runs/compare", self.compare)]

    async def compare(self, request: Request) -> Response:
        """The runs that the query names, and others of the first one's flow to choose from."""
        asked = [id for id in dict.fromkeys(request.query_params.getlist("run")) if id]
        try:
            runs = [await overview_of(self._reading, id) for id in asked[:MOST]]
        except NotFound as error:
            return self._pages.missing(error)
        others = await self._others(runs)
        return self._pages.page(
            "compare.html",
            runs=runs,
            comparison=await self._compared(runs),
            others=others,
            most=MOST,
            too_many=len(asked) > MOST,
        )

    async def _compared(self, runs: Sequence[RunOverview]) -> Comparison:
        rows = [await self._reading.store.event(run.row.event) for run in runs]
        events = [None if row is None else row.event for row in rows]
        return compared(runs, events, self._clock.now(), self._pages.mask)

    async def _others(self, runs: Sequence[RunOverview]) -> Sequence[Mapping[str, str | None]]:
        """The last runs of the flow; those that are compared already are not among them."""
        flow = runs[0].row.flow if runs else None
        found = await self._reading.store.runs(Page(limit=OTHERS + len(runs), flow=flow))
        known = {run.row.id for run in runs}
        return [
            {"id": row.id, "flow": row.flow, "state": row.state, "at": views.moment(row.created_at)}
            for row in found
            if row.id not in known
        ][:OTHERS]
