"""What can be done to a flow by its page: start a run, pause, resume."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from triphammer.flows.errors import ParamMisfit
from triphammer.service.errors import NotFound
from triphammer.service.operations import Operations
from triphammer.service.web.console.flow import FlowPage
from triphammer.service.web.forms import read_form
from triphammer.service.web.operating import asked_on_page
from triphammer.service.web.pages import Pages
from triphammer.service.web.reading import Reading


class FlowActions:
    """The forms of a flow's page."""

    def __init__(
        self, reading: Reading, operations: Operations, flow: FlowPage, pages: Pages
    ) -> None:
        self._reading = reading
        self._operations = operations
        self._flow = flow
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [
            Route("/flows/{name}/runs", self.start_run, methods=["POST"]),
            Route("/flows/{name}/pause", self.pause, methods=["POST"]),
            Route("/flows/{name}/resume", self.resume, methods=["POST"]),
        ]

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
            return await self._flow.refilled(name, given, error.faults)
        except NotFound as error:  # it was removed: its page is all that is left
            return self._pages.missing(error)
        run = await self._reading.run_of(accepted)
        return RedirectResponse(f"/runs/{run['id']}", status_code=303)

    async def pause(self, request: Request) -> Response:
        """Begin no more runs of the flow."""
        return await self._turned(request, self._operations.pause)

    async def resume(self, request: Request) -> Response:
        """Begin runs of the flow again."""
        return await self._turned(request, self._operations.resume)

    async def _turned(self, request: Request, turn: Callable[[str], Awaitable[None]]) -> Response:
        name = request.path_params["name"]
        try:
            await turn(name)
        except NotFound as error:
            return self._pages.missing(error)
        return RedirectResponse(f"/flows/{name}", status_code=303)
