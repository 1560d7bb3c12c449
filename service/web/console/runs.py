"""`/runs`: all runs, newest first."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.service.store.contract import Page
from triphammer.service.web import views
from triphammer.service.web.pages import PAGE, Pages
from triphammer.service.web.paging import MOST_BYTES, before, page_of
from triphammer.service.web.reading import Reading


class RunsPage:
    """The list of runs."""

    def __init__(self, reading: Reading, pages: Pages) -> None:
        self._reading = reading
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/runs", self.runs)]

    async def runs(self, request: Request) -> Response:
        """All runs, newest first."""
        query = request.query_params
        page = Page(
            limit=PAGE + 1,
            bytes=MOST_BYTES,
            before=before(query.get("cursor")),
            flow=query.get("flow") or None,
            state=query.get("state") or None,
        )
        shown = page_of(await self._reading.store.runs(page), PAGE, views.run)
        return self._pages.page(
            "runs.html", page=shown, flow=page.flow or "", state=page.state or ""
        )
