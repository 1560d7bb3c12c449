"""`/flows/{name}`: one flow: what starts it, its graph, how its runs went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.service.errors import NotFound
from triphammer.service.store.contract import Page
from triphammer.service.web import models, views
from triphammer.service.web.drawing import draw
from triphammer.service.web.forms import NO_FAULTS, Field, fields
from triphammer.service.web.pages import PAGE, Pages
from triphammer.service.web.paging import MOST_BYTES
from triphammer.service.web.reading import Reading


class FlowPage:
    """One flow."""

    def __init__(self, reading: Reading, pages: Pages) -> None:
        self._reading = reading
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/flows/{name}", self.flow)]

    async def flow(self, request: Request) -> Response:
        """One flow; its form shows what the address gives for parameters, so that it can be
        linked to filled in."""
        try:
            flow = await self._reading.flow(request.path_params["name"])
        except NotFound as error:
            return self._pages.missing(error)
        return await self._page(flow, fields(flow["params_schema"], request.query_params, {}))

    async def refilled(
        self, name: str, given: Mapping[str, str], faults: Mapping[str, str]
    ) -> Response:
        """The page with its form as it was sent, and what is wrong with it."""
        try:
            flow = await self._reading.flow(name)
        except NotFound as error:
            return self._pages.missing(error)
        form = fields(flow["params_schema"], given, faults)
        return await self._page(flow, form, faults, status=422)

    async def _page(
        self,
        flow: models.FlowInFull,
        form: Sequence[Field],
        faults: Mapping[str, str] = NO_FAULTS,
        *,
        status: int = 200,
    ) -> Response:
        page = Page(limit=PAGE, bytes=MOST_BYTES, flow=flow["name"])
        runs = [views.run(row) for row in await self._reading.store.runs(page)]
        drawing = draw(flow["graph"]["nodes"], {})
        others = [fault for name, fault in faults.items() if name not in flow["params"]]
        return self._pages.page(
            "flow.html",
            status=status,
            flow=flow,
            runs=runs,
            drawing=drawing,
            form=form,
            others=others,
        )
