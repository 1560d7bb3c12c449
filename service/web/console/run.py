"""`/runs/{id}`: one run, and the form of what it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from triphammer.flows.errors import FormMisfit, UnknownTask
from triphammer.service.errors import NotFound, StateForbids
from triphammer.service.operations import Operations
from triphammer.service.web import models
from triphammer.service.web.drawing import draw
from triphammer.service.web.forms import NO_FAULTS, fields, read_form
from triphammer.service.web.operating import asked_on_page
from triphammer.service.web.pages import Pages
from triphammer.service.web.reading import Reading
from triphammer.service.web.timing import bars

KEPT = 100
"""Artifacts that a run's page shows."""
ANSWER, REASON = ":answer", ":reason"
"""Besides the fields of an approval's form, which may be named answer and reason."""
Filled = Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]
"""By task what was filled into its form, and what is wrong with it."""
NOTHING_FILLED: Filled = {}


class RunPages:
    """One run: its graph, its tasks with their timing, its messages, its log."""

    def __init__(self, reading: Reading, operations: Operations, pages: Pages) -> None:
        self._reading = reading
        self._operations = operations
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [
            Route("/runs/{id}", self.run),
            Route("/runs/{id}/tasks/{task:path}/answer", self.answer, methods=["POST"]),
        ]

    async def run(self, request: Request) -> Response:
        """One run: its graph, its tasks with their timing, its messages, its log."""
        try:
            run = await self._reading.run(request.path_params["id"])
        except NotFound as error:
            return self._pages.missing(error)
        return await self._page(run)

    async def answer(self, request: Request) -> Response:
        """Answer what a task of a run asks for by the form of its page."""
        id, task = request.path_params["id"], request.path_params["task"]
        try:
            run = await self._reading.run(id)
        except NotFound as error:
            return self._pages.missing(error)
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
            return await self._page(run, {task: (given, error.faults)}, status=422)
        except UnknownTask as error:
            return self._pages.missing(error)
        except StateForbids as error:
            return self._pages.missing(error, 409)
        return RedirectResponse(f"/runs/{run['id']}", status_code=303)

    async def _page(
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


def _form_of(run: models.RunInFull, task: str) -> Mapping[str, Any] | None:
    return next((wait["form"] for wait in run["waits"] if wait["task"] == task), None)


def _question(wait: models.Wait, filled: Filled) -> dict[str, Any]:
    """What a task waits for, with the form of an approval as it was filled in last."""
    given, faults = filled.get(wait["task"], ({}, NO_FAULTS))
    form = [] if wait["form"] is None else fields(wait["form"], given, faults)
    names = {field.name for field in form}
    others = [fault for name, fault in faults.items() if name not in names]
    return {**wait, "fields": form, "others": others}
