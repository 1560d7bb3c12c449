"""`/events`: all events, and one of them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.service.errors import NotFound, UnknownEvent
from triphammer.service.store.contract import Page
from triphammer.service.web import views
from triphammer.service.web.pages import PAGE, Pages
from triphammer.service.web.paging import MOST_BYTES, before, page_of
from triphammer.service.web.reading import Reading


class EventPages:
    """The list of events, and one event."""

    def __init__(self, reading: Reading, pages: Pages) -> None:
        self._reading = reading
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/events", self.events), Route("/events/{key}", self.event)]

    async def events(self, request: Request) -> Response:
        """All events, newest first."""
        query = request.query_params
        page = Page(
            limit=PAGE + 1,
            bytes=MOST_BYTES,
            before=before(query.get("cursor")),
            type=query.get("type") or None,
        )
        shown = page_of(await self._reading.store.events(page), PAGE, views.event)
        return self._pages.page("events.html", page=shown, type=page.type or "")

    async def event(self, request: Request) -> Response:
        """One event: its payload and what became of it."""
        try:
            key = await self._reading.full_id(request.path_params["key"], UnknownEvent)
            event = await self._reading.event(key)
        except NotFound as error:
            return self._pages.missing(error)
        return self._pages.page("event.html", event=event)
