"""`/events`: all events, and one of them with what became of it and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from triphammer.config.showing import short
from triphammer.flows.errors import FlowError
from triphammer.sensors.errors import Rejected
from triphammer.service.access.scopes import caller_of
from triphammer.service.errors import NotFound, UnknownEvent
from triphammer.service.operations import Operations
from triphammer.service.store.contract import Page
from triphammer.service.store.looking import EventSearch, EventsFound
from triphammer.service.web import models, views
from triphammer.service.web.console.narrowing import moment_fields, narrowed
from triphammer.service.web.console.outcomes import meaning
from triphammer.service.web.console.payload import tree
from triphammer.service.web.operating import asked_on_page
from triphammer.service.web.pages import PAGE, Pages
from triphammer.service.web.paging import MOST_BYTES, before, micros
from triphammer.service.web.reading import Reading
from triphammer.service.web.shown import Mask

FIELDS = ("type", "source", "subject", "text", "since", "until")
RUNS = 20
"""Runs of an event that its page shows."""
EXCERPT = 160
"""Characters of a payload that a row shows."""
RAW = 100_000
"""Characters of a payload that a page shows as JSON."""

NOTHING = EventsFound(events=(), before=None, searched_to=None)


class EventPages:
    """The list of events, and one event."""

    def __init__(
        self, reading: Reading, operations: Operations, pages: Pages, *, mask: Mask
    ) -> None:
        self._reading = reading
        self._operations = operations
        self._pages = pages
        self._mask = mask

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [
            Route("/events", self.events),
            Route("/events/{key}", self.event),
            Route("/events/{key}/again", self.emit_again, methods=["POST"]),
            Route("/events/{key}/start", self.start_with, methods=["POST"]),
        ]

    async def events(self, request: Request) -> Response:
        """All events, newest first."""
        query = request.query_params
        given, fault, status = narrowed(query, FIELDS), "", 200
        try:
            found = await self._reading.store.search_events(_search(query.get("cursor"), given))
        except Rejected as error:
            found, fault, status = NOTHING, str(error), error.status
        shown = [views.event(row) for row in found.events]
        return self._pages.page(
            "events.html",
            status=status,
            events=shown,
            excerpts=[self._excerpt(event["data"]) for event in shown],
            next=None if found.before is None else f"c{found.before}",
            searched_to=views.moment(found.searched_to),
            given=given,
            moments=moment_fields(given),
            query=urlencode(given),
            fault=fault,
            first="cursor" not in query,
        )

    async def event(self, request: Request) -> Response:
        """One event: its payload and what became of it."""
        try:
            event = await self._found(request)
        except NotFound as error:
            return self._pages.missing(error)
        return await self._page(request, event)

    async def emit_again(self, request: Request) -> Response:
        """Let an event of the past come once more, as a new one."""
        try:
            key = (await self._found(request))["key"]
        except NotFound as error:
            return self._pages.missing(error)
        try:
            accepted = await self._operations.emit_again(key)
        except Rejected as error:
            event = await self._reading.event(key)
            return await self._page(request, event, str(error), error.status)
        return RedirectResponse(f"/events/{accepted.key}", status_code=303)

    async def start_with(self, request: Request) -> Response:
        """Start a run of a flow on an event of the past."""
        try:
            event = await self._found(request)
        except NotFound as error:
            return self._pages.missing(error)
        form = await request.form()
        flow = str(form.get("flow", ""))
        stored = (await self._reading.stored_event(event["key"])).event
        by = asked_on_page(request).by
        try:
            accepted = await self._operations.start(flow, {}, by=by, event=stored)
            run = await self._reading.run_of(accepted)
        except (FlowError, NotFound, Rejected) as error:
            return await self._page(request, event, f"{flow} was not started: {error}", 422)
        return RedirectResponse(f"/runs/{run['id']}", status_code=303)

    async def _found(self, request: Request) -> models.EventInFull:
        key = await self._reading.full_id(request.path_params["key"], UnknownEvent)
        return await self._reading.event(key)

    async def _page(
        self, request: Request, event: models.EventInFull, fault: str = "", status: int = 200
    ) -> Response:
        runs = await self._reading.store.runs(
            Page(limit=RUNS + 1, bytes=MOST_BYTES, event=event["key"])
        )
        raw = self._raw(event["data"])
        return self._pages.page(
            "event.html",
            status=status,
            address=f"/events/{event['key']}" if fault else "",
            event=event,
            tree=tree(event["data"], self._mask),
            raw=raw[:RAW],
            raw_left=max(0, len(raw) - RAW),
            runs=[views.run(row) for row in runs[:RUNS]],
            more_runs=len(runs) > RUNS,
            flows=self._reading.flow_names,
            meaning=meaning,
            operates=caller_of(request.scope).may("operate"),
            fault=fault,
        )

    def _raw(self, data: Any) -> str:
        return self._mask(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())

    def _excerpt(self, data: Any) -> str:
        text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
        return short(self._mask(text[: EXCERPT * 20]), EXCERPT)


def _search(cursor: str | None, given: Mapping[str, str]) -> EventSearch:
    """Raises `Rejected` 400 for a cursor that is not ours, or for what is no time."""
    return EventSearch(
        limit=PAGE,
        bytes=MOST_BYTES,
        before=before(cursor),
        type=given.get("type"),
        source=given.get("source"),
        subject=given.get("subject"),
        text=given.get("text"),
        since=micros(given.get("since"), "since"),
        until=micros(given.get("until"), "until"),
    )
