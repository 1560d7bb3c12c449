"""What can be done to a flow by its page: start a run, pause, resume."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from triphammer.flows.errors import ParamMisfit
from triphammer.service.operations import Operations
from triphammer.service.web.console.flow import FlowPage
from triphammer.service.web.forms import read_form
from triphammer.service.web.operating import asked_on_page
from triphammer.service.web.reading import Reading


class FlowActions:
    """The forms of a flow's page."""

    def __init__(self, reading: Reading, operations: Operations, flow: FlowPage) -> None:
        self._reading = reading
        self._operations = operations
        self._flow = flow

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
        schema = (await self._reading.flow(name))["params_schema"]
        by = asked_on_page(request).by
        given = {key: str(value) for key, value in (await request.form()).items()}
        try:
            accepted = await self._operations.start(name, read_form(schema, given), by=by)
        except ParamMisfit as error:
            return await self._flow.refilled(name, given, error.faults)
        run = await self._reading.run_of(accepted)
        return RedirectResponse(f"/runs/{run['id']}", status_code=303)

    async def pause(self, request: Request) -> Response:
        """Begin no more runs of the flow."""
        await self._operations.pause(request.path_params["name"])
        return _back(request)

    async def resume(self, request: Request) -> Response:
        """Begin runs of the flow again."""
        await self._operations.resume(request.path_params["name"])
        return _back(request)


def _back(request: Request) -> Response:
    return RedirectResponse(f"/flows/{quote(request.path_params['name'])}", status_code=303)
