"""`/flows/{name}/backfills`: ask for one, look before it is begun, and see how far each is."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from triphammer.sensors.errors import Rejected
from triphammer.service.access.scopes import caller_of
from triphammer.service.backfills.backfills import Backfills
from triphammer.service.errors import UnknownBackfill
from triphammer.service.web import models
from triphammer.service.web.backfill_form import BackfillForm, read_backfill_form
from triphammer.service.web.backfills import backfill_of, plan_of, tick_of
from triphammer.service.web.pages import PAGE, Pages
from triphammer.service.web.paging import before, micros, page_of
from triphammer.service.web.reading import Reading

EMPTY = BackfillForm({"order": "oldest", "max_parallel": "1"})
TICKS = 500
"""Ticks that one page shows."""


class BackfillPages:
    """The backfills of a flow, the form that asks for one, and each with its ticks."""

    def __init__(self, reading: Reading, backfills: Backfills, pages: Pages) -> None:
        self._reading = reading
        self._backfills = backfills
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [
            Route("/flows/{name}/backfills", self.backfills),
            Route("/flows/{name}/backfills", self.begin, methods=["POST"]),
            Route("/backfills/{id}", self.backfill),
            Route("/backfills/{id}/cancel", self.cancel, methods=["POST"]),
        ]

    async def backfills(self, request: Request) -> Response:
        """The backfills, newest first; with the form filled in also what one would run, which
        changes nothing."""
        name, query = request.path_params["name"], request.query_params
        flow = await self._reading.flow(name)
        if not query.get("from") and not query.get("to"):
            return await self._page(request, flow, EMPTY, cursor=query.get("cursor"))
        form = read_backfill_form(query)
        if form.faults:
            return await self._page(request, flow, form, status=422)
        try:
            asked = self._backfills.asked(name, **form.options())
            plan = plan_of(asked, await self._backfills.plan(asked))
        except Rejected as error:
            return await self._page(request, flow, form.refused(str(error)), status=error.status)
        return await self._page(request, flow, form, plan)

    async def begin(self, request: Request) -> Response:
        """Begin a backfill by the form; go to it, or say what is wrong."""
        name = request.path_params["name"]
        given = {key: str(value) for key, value in (await request.form()).items()}
        form = read_backfill_form(given)
        flow = await self._reading.flow(name)
        if form.faults:
            return await self._page(request, flow, form, status=422)
        try:
            row = await self._backfills.begin(self._backfills.asked(name, **form.options()))
        except Rejected as error:
            return await self._page(request, flow, form.refused(str(error)), status=error.status)
        return RedirectResponse(f"/backfills/{row.id}", status_code=303)

    async def backfill(self, request: Request) -> Response:
        """One backfill with its ticks in order."""
        after = request.query_params.get("after")
        id = await self._reading.full_id(request.path_params["id"], UnknownBackfill)
        row = await self._backfills.row(id)
        found = await self._backfills.store.ticks(id, after=micros(after, "after"), limit=TICKS + 1)
        ticks = [tick_of(tick) for tick in found[:TICKS]]
        return self._pages.page(
            "backfill.html",
            backfill=backfill_of(row),
            operates=caller_of(request.scope).may("operate"),
            ticks=ticks,
            next=ticks[-1]["due"] if len(found) > TICKS else None,
        )

    async def cancel(self, request: Request) -> Response:
        """Begin no more ticks of a backfill."""
        id = await self._reading.full_id(request.path_params["id"], UnknownBackfill)
        await self._backfills.cancel(id)
        return RedirectResponse(f"/backfills/{id}", status_code=303)

    async def _page(
        self,
        request: Request,
        flow: models.FlowInFull,
        form: BackfillForm,
        plan: models.BackfillPlan | None = None,
        *,
        cursor: str | None = None,
        status: int = 200,
    ) -> Response:
        rows = await self._backfills.store.backfills(
            limit=PAGE + 1, before=before(cursor), flow=flow["name"]
        )
        return self._pages.page(
            "backfills.html",
            status=status,
            address=request.url.path if request.method == "POST" else "",
            flow=flow,
            is_timed=any(item["kind"] == "timer" for item in flow["subscriptions"]),
            form=form,
            plan=plan,
            operates=caller_of(request.scope).may("operate"),
            counts={} if plan is None else plan["ticks"],
            ticks=[] if plan is None else plan["items"][:TICKS],
            page=page_of(rows, PAGE, backfill_of),
        )
