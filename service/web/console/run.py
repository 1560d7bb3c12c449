"""`/runs/{id}`: one run, and the form of what it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from triphammer.config.clock import Clock
from triphammer.flows.errors import FormMisfit, UnknownTask
from triphammer.service.access.scopes import caller_of
from triphammer.service.errors import NotFound, StateForbids
from triphammer.service.operations import Operations
from triphammer.service.web import models, views
from triphammer.service.web.console.place import Place, place_of
from triphammer.service.web.console.previews import SandboxedFiles, previews
from triphammer.service.web.console.run_actions import Faults, RunActions
from triphammer.service.web.console.run_logs import RunLogs, log_view
from triphammer.service.web.console.run_task import node_of, task_panel
from triphammer.service.web.console.run_tasks import (
    counted,
    drawn_time,
    failed_tasks,
    task_lines,
    task_states,
)
from triphammer.service.web.drawing import draw
from triphammer.service.web.forms import NO_FAULTS, fields, read_form
from triphammer.service.web.graph_data import graph_data
from triphammer.service.web.operating import asked_on_page
from triphammer.service.web.pages import Pages
from triphammer.service.web.reading import Reading
from triphammer.service.web.run_overview import RunOverview, overview_of, runs_caused_by
from triphammer.service.web.shown import Mask, in_short, shown_value

KEPT = 50
"""Artifacts that a run's page shows."""
TAIL = 60
"""Lines of the log below the tasks, and in the panel of a task."""
MESSAGES = 100
FAILED_TOO = 20
"""Failed tasks that are named besides the first."""
ANSWER, REASON = ":answer", ":reason"
"""Besides the fields of an approval's form, which may be named answer and reason."""
Filled = Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]
"""By task what was filled into its form, and what is wrong with it."""
NOTHING_FILLED: Filled = {}


class RunPages:
    """One run: its graph, its tasks with their timing, its log, what came out and around it."""

    def __init__(
        self, reading: Reading, operations: Operations, pages: Pages, clock: Clock
    ) -> None:
        self._clock = clock
        self._reading = reading
        self._operations = operations
        self._pages = pages
        self._actions = RunActions(reading, operations, pages, self._refused)
        self._logs = RunLogs(reading, pages)
        self._files = SandboxedFiles(reading, pages)

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [
            *self._logs.routes(),
            Route("/runs/{id}", self.run),
            Route("/runs/{id}/tasks/{task:path}/answer", self.answer, methods=["POST"]),
            *self._actions.routes(),
            *self._files.routes(),
        ]

    async def run(self, request: Request) -> Response:
        """One run at the place that the query names."""
        try:
            seen = await overview_of(self._reading, request.path_params["id"])
        except NotFound as error:
            return self._pages.missing(error)
        place = place_of(seen.row.id, request.query_params)
        return await self._page(seen, place, operates=caller_of(request.scope).may("operate"))

    async def answer(self, request: Request) -> Response:
        """Answer what a task of a run asks for by the form of its page."""
        id, task = request.path_params["id"], request.path_params["task"]
        try:
            seen = await overview_of(self._reading, id)
        except NotFound as error:
            return self._pages.missing(error)
        given = {key: str(value) for key, value in (await request.form()).items()}
        answer, reason = given.pop(ANSWER, ""), given.pop(REASON, "")
        if answer not in ("approve", "reject"):  # what says neither must not end the task
            return self._pages.fault(422, "it says neither approve nor reject: nothing was done")
        approved = answer == "approve"
        schema = _form_of(seen, task)
        values = None if schema is None else read_form(schema, given)
        try:
            await self._operations.answer(
                seen.row.id,
                task,
                asked_on_page(request),
                approved=approved,
                form=values if approved else None,
                reason=reason,
            )
        except FormMisfit as error:
            place = Place(run=seen.row.id)
            return await self._page(seen, place, {task: (given, error.faults)}, status=422)
        except UnknownTask as error:
            return self._pages.missing(error)
        except StateForbids as error:
            return self._pages.missing(error, 409)
        return RedirectResponse(f"/runs/{seen.row.id}", status_code=303)

    async def _refused(self, seen: RunOverview, faults: Faults) -> Response:
        return await self._page(seen, Place(run=seen.row.id), faults=faults, status=409)

    async def _page(
        self,
        seen: RunOverview,
        place: Place,
        filled: Filled = NOTHING_FILLED,
        *,
        faults: Faults = NO_FAULTS,
        operates: bool = True,
        status: int = 200,
    ) -> Response:
        """`operates`: whoever looks may act, as they must who have sent a form."""
        event = await self._reading.store.event(seen.row.event)
        failed = failed_tasks(seen)
        return self._pages.page(
            "run.html",
            status=status,
            address="" if status == 200 else f"/runs/{seen.row.id}",
            run=seen.run,
            seen=seen,
            place=place,
            faults=faults,
            operates=operates,
            event=None if event is None else views.event(event),
            counts=counted(seen),
            brief=_brief(seen.run["result"], self._pages.mask),
            failed=views.task(failed[0]) if failed else None,
            failed_too=[task.name for task in failed[1 : 1 + FAILED_TOO]],
            more_failed=max(0, len(failed) - 1 - FAILED_TOO),
            questions=[_question(wait, filled) for wait in seen.waits if not wait["answered"]],
            **await self._of_tab(seen, place),
        )

    async def _of_tab(self, seen: RunOverview, place: Place) -> Mapping[str, Any]:
        if place.tab == "log":
            names = sorted({node["name"] for node in seen.nodes} | set(seen.tasks))
            return {"log": await log_view(self._reading, place), "names": names}
        if place.tab == "results":
            kept = await self._reading.artifacts_of(seen.row.id, KEPT)
            return {
                "result": shown_value(seen.run["result"], self._pages.mask, place.at),
                "files": await previews(self._reading, kept["items"], self._pages.mask),
            }
        if place.tab == "related":
            return await self._related(seen)
        return await self._overview(seen, place)

    async def _overview(self, seen: RunOverview, place: Place) -> Mapping[str, Any]:
        drawn = drawn_time(seen, self._clock.now())
        states = task_states(seen)
        selected = node_of(place.task)
        panel = None
        if place.task:
            panel = await task_panel(self._reading, seen, place, self._pages.mask)
        tail = Place(run=place.run, task=place.task, attempt=place.attempt)
        return {
            "drawing": draw(seen.nodes, states) if seen.nodes else None,
            "graph_data": graph_data(seen.nodes, states, link=place.to_task, selected=selected),
            "drawn": drawn,
            "lines": task_lines(seen, drawn, place),
            "panel": panel,
            "log": await log_view(self._reading, tail, TAIL),
        }

    async def _related(self, seen: RunOverview) -> Mapping[str, Any]:
        store, id = self._reading.store, seen.row.id
        messages = await store.outbox(run=id, limit=MESSAGES)
        return {
            "messages": [views.message(one) for one in messages],
            "operations": [views.operation(one) for one in await store.operations(id)],
            "caused": await runs_caused_by(self._reading, seen),
        }


def _brief(result: Any, mask: Mask) -> str:
    """A result in one line; what has none gives nothing."""
    return "" if result is None else in_short(result, mask)


def _form_of(seen: RunOverview, task: str) -> Mapping[str, Any] | None:
    return next((wait["form"] for wait in seen.waits if wait["task"] == task), None)


def _question(wait: models.Wait, filled: Filled) -> dict[str, Any]:
    """What a task waits for, with the form of an approval as it was filled in last."""
    given, faults = filled.get(wait["task"], ({}, NO_FAULTS))
    form = [] if wait["form"] is None else fields(wait["form"], given, faults)
    names = {field.name for field in form}
    others = [fault for name, fault in faults.items() if name not in names]
    return {**wait, "fields": form, "others": others}
