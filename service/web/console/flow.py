"""`/flows/{name}`: one flow, and the form that starts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from triphammer.flows.errors import ParamMisfit
from triphammer.service.errors import NotFound
from triphammer.service.operations import Operations
from triphammer.service.store.contract import Page
from triphammer.service.web import models, views
from triphammer.service.web.drawing import draw
from triphammer.service.web.forms import NO_FAULTS, Field, fields, read_form
from triphammer.service.web.operating import asked_on_page
from triphammer.service.web.pages import PAGE, Pages
from triphammer.service.web.paging import MOST_BYTES
from triphammer.service.web.reading import Reading


class FlowPages:
    """One flow: its sources, its graph, its runs."""

    def __init__(self, reading: Reading, operations: Operations, pages: Pages) -> None:
        self._reading = reading
        self._operations = operations
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [
            Route("/flows/{name}", self.flow),
            Route("/flows/{name}/runs", self.start_run, methods=["POST"]),
        ]

    async def flow(self, request: Request) -> Response:
        """One flow: its sources, its graph, its runs."""
        try:
            flow = await self._reading.flow(request.path_params["name"])
        except NotFound as error:
            return self._pages.missing(error)
        return await self._page(flow, fields(flow["params_schema"], {}, {}))

    async def start_run(self, request: Request) -> Response:
        """Start a run by the form of the flow's page; go to the run, or say what is wrong."""
        name = request.path_params["name"]
        try:
            schema = (await self._reading.flow(name))["params_schema"]
        except NotFound as error:
            return self._pages.missing(error)
        by = asked_on_page(request).by
        given = {key: str(value) for key, value in (await request.form()).items()}
        try:
            accepted = await self._operations.start(name, read_form(schema, given), by=by)
        except ParamMisfit as error:
            flow = await self._reading.flow(name)
            faults = error.faults
            return await self._page(flow, fields(schema, given, faults), faults, status=422)
        except NotFound as error:  # it was removed: its page is all that is left
            return self._pages.missing(error)
        run = await self._reading.run_of(accepted)
        return RedirectResponse(f"/runs/{run['id']}", status_code=303)

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
