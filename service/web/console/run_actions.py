"""What somebody does to a run by the forms of its page: cancel, retry, run again, note, tags."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from triphammer.flows.errors import ParamMisfit, UnknownTask
from triphammer.sensors.contract import Accepted
from triphammer.service.dispatcher.finished import REQUESTED
from triphammer.service.errors import NotFound, StateForbids
from triphammer.service.operations import Operations
from triphammer.service.web import models
from triphammer.service.web.operating import AnnotateBody, asked_on_page
from triphammer.service.web.pages import Pages
from triphammer.service.web.reading import Reading
from triphammer.service.web.run_overview import RunOverview, overview_of

Faults = Mapping[str, str]
"""By action why it was not done."""
ShowRun = Callable[[RunOverview, Faults], Awaitable[Response]]
"""Shows the page of a run with what went wrong; the answer is a 409."""
_Act = Callable[[models.Run, Request, FormData], Awaitable[None]]


class RunActions:
    """The forms; whoever sends one comes back to the page of the run."""

    def __init__(
        self, reading: Reading, operations: Operations, pages: Pages, show: ShowRun
    ) -> None:
        self._reading = reading
        self._operations = operations
        self._pages = pages
        self._show = show

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [
            Route("/runs/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/runs/{id}/retry", self.retry, methods=["POST"]),
            Route("/runs/{id}/again", self.again, methods=["POST"]),
            Route("/runs/{id}/note", self.note, methods=["POST"]),
        ]

    async def cancel(self, request: Request) -> Response:
        """End a run, and by `now` without its teardowns."""
        return await self._do("cancel", request, self._cancel)

    async def retry(self, request: Request) -> Response:
        """Let a run that has ended begin again: all of it, what failed, or from a task on."""
        return await self._do("retry", request, self._retry)

    async def note(self, request: Request) -> Response:
        """Give a run the note and the tags that the form shows."""
        return await self._do("note", request, self._note)

    async def again(self, request: Request) -> Response:
        """Take the event and the parameters of a run through its flow as it is now: a new run."""
        try:
            seen = await overview_of(self._reading, request.path_params["id"])
        except NotFound as error:
            return self._pages.missing(error)
        try:
            accepted = await self._again(seen.run, asked_on_page(request).by)
        except (NotFound, ParamMisfit) as error:
            return await self._show(seen, {"retry": str(error)})
        run = await self._reading.run_of(accepted)
        return RedirectResponse(f"/runs/{run['id']}", status_code=303)

    async def _again(self, run: models.Run, by: str) -> Accepted:
        event = (await self._reading.stored_event(run["event"])).event
        # The event of a run that somebody asked for is that request: the new run has its own.
        on = None if event.type == REQUESTED else event
        return await self._operations.start(run["flow"], run["params"], by=by, event=on)

    async def _do(self, action: str, request: Request, act: _Act) -> Response:
        try:
            seen = await overview_of(self._reading, request.path_params["id"])
        except NotFound as error:
            return self._pages.missing(error)
        try:
            await act(seen.run, request, await request.form())
        except (StateForbids, NotFound, UnknownTask) as error:
            return await self._show(seen, {action: str(error)})
        except ValidationError as error:
            told = "; ".join(f"{_place(item['loc'])}: {item['msg']}" for item in error.errors())
            return await self._show(seen, {action: told})
        return RedirectResponse(f"/runs/{seen.row.id}", status_code=303)

    async def _cancel(self, run: models.Run, request: Request, given: FormData) -> None:
        now = given.get("now") == "yes"
        await self._operations.cancel(run["id"], asked_on_page(request), now=now)

    async def _retry(self, run: models.Run, request: Request, given: FormData) -> None:
        what = given.get("what")
        since = str(given.get("from") or "") or None
        if what == "from" and since is None:  # never all of it instead
            raise NotFound("no task was chosen that it is to begin from")
        await self._operations.retry(
            run["id"],
            asked_on_page(request),
            since=since if what == "from" else None,
            failed_only=what == "failed",
        )

    async def _note(self, run: models.Run, request: Request, given: FormData) -> None:
        tags = str(given.get("tags") or "").replace(",", " ").split()
        text = str(given.get("note") or "").replace("\r\n", "\n").strip()
        if text == self._pages.mask(run["note"]).strip():
            text = run["note"]  # the form has hidden a secret in it: that is no wish to change it
        body = AnnotateBody(
            note=text,
            add_tags=[tag for tag in dict.fromkeys(tags) if tag not in run["tags"]],
            remove_tags=[tag for tag in run["tags"] if tag not in tags],
        )
        await self._operations.annotate(
            run["id"],
            asked_on_page(request),
            note=body.note,
            add=body.add_tags,
            remove=body.remove_tags,
        )


def _place(loc: Sequence[str | int]) -> str:
    """A place in the body in the words of the form."""
    return {"add_tags": "tags", "remove_tags": "tags"}.get(str(loc[0]), str(loc[0]))
