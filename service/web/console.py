"""The console: pages made on the server, readable without scripts, live with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from triphammer.config.errors import TriphammerError
from triphammer.flows.errors import FormMisfit, ParamMisfit, UnknownTask
from triphammer.service.errors import NotFound, StateForbids, UnknownEvent
from triphammer.service.health import Health
from triphammer.service.operations import Operations
from triphammer.service.store.contract import Page
from triphammer.service.web import models, views
from triphammer.service.web.drawing import draw
from triphammer.service.web.forms import Field, fields, read_form
from triphammer.service.web.operating import asked_on_page
from triphammer.service.web.pages import Pages, seconds_of
from triphammer.service.web.paging import MOST_BYTES, before, page_of
from triphammer.service.web.reading import Reading

HERE = Path(__file__).parent
PAGE = 50
KEPT = 100
"""Artifacts that a run's page shows."""
ANSWER, REASON = ":answer", ":reason"
"""Besides the fields of an approval's form, which may be named answer and reason."""
NO_FAULTS: Mapping[str, str] = {}
Filled = Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]
"""By task what was filled into its form, and what is wrong with it."""
NOTHING_FILLED: Filled = {}


class Console:
    """The pages at `/`: flows, runs, one run, events, one event, health."""

    def __init__(
        self, reading: Reading, operations: Operations, health: Health, pages: Pages
    ) -> None:
        self._reading = reading
        self._operations = operations
        self._health = health
        self._pages = pages

    def routes(self) -> list[Route | Mount]:
        """The routes to mount."""
        return [
            Route("/", self.flows),
            Route("/flows/{name}", self.flow),
            Route("/flows/{name}/runs", self.start_run, methods=["POST"]),
            Route("/runs", self.runs),
            Route("/runs/{id}", self.run),
            Route("/runs/{id}/tasks/{task:path}/answer", self.answer, methods=["POST"]),
            Route("/events", self.events),
            Route("/events/{key}", self.event),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]

    async def flows(self, request: Request) -> Response:
        """What can run, what ran last, what works."""
        recent = await self._reading.store.runs(Page(limit=15, bytes=MOST_BYTES))
        return self._pages.page(
            "flows.html",
            flows=await self._reading.flows(),
            removed=await self._reading.removed_flows(),
            errors=self._reading.load_errors,
            runs=[views.run(row) for row in recent],
            parts=sorted(self._health.parts().items()),
        )

    async def flow(self, request: Request) -> Response:
        """One flow: its sources, its graph, its runs."""
        try:
            flow = await self._reading.flow(request.path_params["name"])
        except NotFound as error:
            return self._missing(error)
        return await self._flow_page(flow, fields(flow["params_schema"], {}, {}))

    async def start_run(self, request: Request) -> Response:
        """Start a run by the form of the flow's page; go to the run, or say what is wrong."""
        name = request.path_params["name"]
        try:
            schema = (await self._reading.flow(name))["params_schema"]
        except NotFound as error:
            return self._missing(error)
        by = asked_on_page(request).by
        given = {key: str(value) for key, value in (await request.form()).items()}
        try:
            accepted = await self._operations.start(name, read_form(schema, given), by=by)
        except ParamMisfit as error:
            flow = await self._reading.flow(name)
            faults = error.faults
            return await self._flow_page(flow, fields(schema, given, faults), faults, status=422)
        except NotFound as error:  # it was removed: its page is all that is left
            return self._missing(error)
        run = await self._reading.run_of(accepted)
        return RedirectResponse(f"/runs/{run['id']}", status_code=303)

    async def _flow_page(
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

    async def run(self, request: Request) -> Response:
        """One run: its graph, its tasks with their timing, its messages, its log."""
        try:
            run = await self._reading.run(request.path_params["id"])
        except NotFound as error:
            return self._missing(error)
        return await self._run_page(run)

    async def answer(self, request: Request) -> Response:
        """Answer what a task of a run asks for by the form of its page."""
        id, task = request.path_params["id"], request.path_params["task"]
        try:
            run = await self._reading.run(id)
        except NotFound as error:
            return self._missing(error)
        given = {key: str(value) for key, value in (await request.form()).items()}
        approved, reason = given.pop(ANSWER, "") == "approve", given.pop(REASON, "")
        schema = _form_of(run, task)
        values = None if schema is None else read_form(schema, given)
        try:
            await self._operations.answer(
                run["id"],
                task,
                asked_on_page(request),
                approved=approved,
                form=values if approved else None,
                reason=reason,
            )
        except FormMisfit as error:
            return await self._run_page(run, {task: (given, error.faults)}, status=422)
        except UnknownTask as error:
            return self._missing(error)
        except StateForbids as error:
            return self._missing(error, 409)
        return RedirectResponse(f"/runs/{run['id']}", status_code=303)

    async def _run_page(
        self, run: models.RunInFull, filled: Filled = NOTHING_FILLED, *, status: int = 200
    ) -> Response:
        kept = (await self._reading.artifacts_of(run["id"], KEPT))["items"]
        logs = await self._reading.logs(run["id"], task=None, attempt=None, after=0, limit=1000)
        tasks = {task["name"]: task for task in run["tasks"]}
        drawing = draw(run["graph"]["nodes"], tasks) if run["graph"] else None
        return self._pages.page(
            "run.html",
            status=status,
            run=run,
            drawing=drawing,
            bars=bars(run["tasks"]),
            kept=kept,
            logs=logs["items"],
            questions=[_question(wait, filled) for wait in run["waits"]],
        )

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
            return self._missing(error)
        return self._pages.page("event.html", event=event)

    def _missing(self, error: TriphammerError, status: int = 404) -> Response:
        title = HTTPStatus(status).phrase
        return self._pages.page("missing.html", status=status, title=title, reason=str(error))


def _form_of(run: models.RunInFull, task: str) -> Mapping[str, Any] | None:
    return next((wait["form"] for wait in run["waits"] if wait["task"] == task), None)


def _question(wait: models.Wait, filled: Filled) -> dict[str, Any]:
    """What a task waits for, with the form of an approval as it was filled in last."""
    given, faults = filled.get(wait["task"], ({}, NO_FAULTS))
    form = [] if wait["form"] is None else fields(wait["form"], given, faults)
    names = {field.name for field in form}
    others = [fault for name, fault in faults.items() if name not in names]
    return {**wait, "fields": form, "others": others}


NARROWEST = 0.5
"""Percent of the picture that the bar of a very short task takes."""


def bars(tasks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each begun task's share of the run's time, in percent from the run's first start."""
    begun = [task for task in tasks if task["started_at"]]
    if not begun:
        return []
    starts = [seconds_of(task["started_at"]) for task in begun]
    ends = [seconds_of(task["finished_at"] or task["started_at"]) for task in begun]
    first, span = min(starts), max(max(ends) - min(starts), 0.001)
    return [
        {
            "name": task["name"],
            "state": task["state"],
            **_bar((start - first) / span, (end - start) / span),
            "seconds": end - start,
        }
        for task, start, end in zip(begun, starts, ends, strict=True)
    ]


def _bar(start: float, length: float) -> dict[str, float]:
    """A bar that can be seen however short it is, and ends within the picture."""
    width = max(100 * length, NARROWEST)
    return {"left": round(min(100 * start, 100 - width), 2), "width": round(width, 2)}
