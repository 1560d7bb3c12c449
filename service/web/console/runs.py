"""`/runs`: all runs, newest first; chosen ones are compared."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.service.web import models, views
from triphammer.service.web.documents import RUN_STATES
from triphammer.service.web.pages import PAGE, Pages
from triphammer.service.web.paging import page_of
from triphammer.service.web.reading import Reading
from triphammer.service.web.run_filter import read_run_filter

NOTHING: models.Page[models.Run] = {"items": [], "next": None}


class RunsPage:
    """The list of runs."""

    def __init__(self, reading: Reading, pages: Pages) -> None:
        self._reading = reading
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/runs", self.runs)]

    async def runs(self, request: Request) -> Response:
        """All runs, or those that the filters in the address mean."""
        asked = read_run_filter(request.query_params, PAGE + 1)
        page = NOTHING
        if not asked.faults:
            page = page_of(await self._reading.store.runs(asked.page), PAGE, views.run)
        return self._pages.page(
            "runs.html",
            status=400 if asked.faults else 200,
            page=page,
            asked=asked,
            states=RUN_STATES,
            flows=self._reading.flow_names,
            is_first=asked.page.before is None,
        )
