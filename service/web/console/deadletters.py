"""`/deadletters`: what will not go on by itself, and the forms that redrive it or give it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from triphammer.sensors.errors import Rejected
from triphammer.service.access.audit import about
from triphammer.service.access.scopes import caller_of
from triphammer.service.deadletters import Acted, DeadFilter, DeadLetter, DeadLetters
from triphammer.service.errors import NotFound, UnknownDeadLetter
from triphammer.service.web import deadletters, views
from triphammer.service.web.console.narrowing import moment_fields, narrowed
from triphammer.service.web.deadletters import FILTERS, KINDS, MOST_IDS
from triphammer.service.web.pages import PAGE, Pages
from triphammer.service.web.paging import micros
from triphammer.service.web.reading import Reading
from triphammer.service.web.shown import Mask

HOME = "/deadletters"
LONGEST = 100_000
"""Characters of a record that a page shows."""
COUNTED = 1000
"""So far dead letters are counted before one is asked whether all of them are meant."""
Verb = Literal["redrive", "skip"]
VERBS: Sequence[Verb] = ("redrive", "skip")
KIND_TEXTS: Mapping[str, str] = {
    "run": "a run that failed",
    "event": "an event that could not start its flow",
    "message": "an outgoing message that nobody took",
    "record": "a record that cannot be read",
}


class DeadLetterPages:
    """The list, the question before all of a list, and what came of it."""

    def __init__(self, letters: DeadLetters, reading: Reading, pages: Pages, *, mask: Mask) -> None:
        self._letters = letters
        self._reading = reading
        self._pages = pages
        self._mask = mask

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [
            Route(HOME, self.list_letters),
            Route(f"{HOME}/all", self.confirm),
            Route(f"{HOME}/{{id}}", self.record),
            Route(f"{HOME}/redrive", self.redrive_letters, methods=["POST"]),
            Route(f"{HOME}/skip", self.skip_letters, methods=["POST"]),
        ]

    async def list_letters(self, request: Request) -> Response:
        """One page of the list."""
        given = narrowed(request.query_params, FILTERS)
        try:
            after = deadletters.after(request.query_params.get("cursor"))
            found = await self._letters.page(_filter(given), after, PAGE + 1)
        except Rejected as error:
            return self._list(request, given, [], fault=str(error), status=error.status)
        following = deadletters.following(found[PAGE - 1]) if len(found) > PAGE else None
        return self._list(request, given, found[:PAGE], following=following)

    def _list(
        self,
        request: Request,
        given: Mapping[str, str],
        found: Sequence[DeadLetter],
        *,
        following: str | None = None,
        fault: str = "",
        status: int = 200,
    ) -> Response:
        return self._pages.page(
            "deadletters.html",
            status=status,
            address=_list_address(given) if request.method == "POST" else "",
            letters=[deadletters.view(letter) for letter in found],
            given=given,
            moments=moment_fields(given),
            kinds=KINDS,
            kind_texts=KIND_TEXTS,
            next=following,
            query=urlencode(given),
            operates=caller_of(request.scope).may("operate"),
            fault=fault,
            first="cursor" not in request.query_params,
        )

    async def confirm(self, request: Request) -> Response:
        """How many a filter means, and whether all of them are meant."""
        given, verb = narrowed(request.query_params, FILTERS), request.query_params.get("verb", "")
        if verb not in VERBS:
            return RedirectResponse(HOME, status_code=303)
        if "until" not in given:
            # What dies while one thinks is not among those that were counted.
            until = views.moment(self._letters.now())
            asked = urlencode({**given, "verb": verb, "until": until})
            return RedirectResponse(f"{HOME}/all?{asked}", status_code=303)
        try:
            found = await self._letters.page(_filter(given), None, COUNTED + 1)
        except Rejected as error:
            return self._list(request, given, [], fault=str(error), status=error.status)
        return self._pages.page(
            "deadletters_all.html",
            verb=verb,
            given=given,
            count=min(len(found), COUNTED),
            more=len(found) > COUNTED,
            some=[deadletters.view(letter) for letter in found[:5]],
            kind_texts=KIND_TEXTS,
        )

    async def record(self, request: Request) -> Response:
        """A record that cannot be read: the other kinds have pages of their own."""
        id = request.path_params["id"]
        if id in VERBS:
            return RedirectResponse(HOME, status_code=303)
        found = await self._reading.dead_record(id)
        if found is None:
            return self._pages.missing(UnknownDeadLetter([id]))
        record = found.record
        payload = self._mask(record.payload.decode("utf-8", "backslashreplace"))
        return self._pages.page(
            "record.html",
            id=id,
            record=record,
            at=views.moment(found.at),
            payload=payload[:LONGEST],
            left=max(0, len(payload) - LONGEST),
            size=len(record.payload),
            kept_headers={name: self._mask(value) for name, value in record.headers.items()},
            operates=caller_of(request.scope).may("operate"),
        )

    async def redrive_letters(self, request: Request) -> Response:
        """Give the chosen ones, or all that a filter means, a new life."""
        return await self._act(request, "redrive")

    async def skip_letters(self, request: Request) -> Response:
        """Give the chosen ones, or all that a filter means, up for good."""
        return await self._act(request, "skip")

    async def _act(self, request: Request, verb: Verb) -> Response:
        form = await request.form()
        given = narrowed(form, FILTERS)
        ids = [str(id) for id in form.getlist("id")][:MOST_IDS]
        enabled = False
        try:
            which = _filter(given)
            if form.get("all") == "yes":
                about(request.scope, msgspec.json.encode(which).decode())
                acted, enabled = await self._all(which, verb)
            else:
                about(request.scope, " ".join(ids))
                acted = await self._named(ids, verb)
        except Rejected as error:
            return await self._refused(request, given, error)
        except NotFound as error:
            return self._pages.missing(error)
        return self._pages.page(
            "deadletters_done.html",
            address=_list_address(given),
            verb=verb,
            acted=acted,
            enabled=enabled,
        )

    async def _refused(
        self, request: Request, given: Mapping[str, str], error: Rejected
    ) -> Response:
        """The list that was chosen from once more, with what was wrong."""
        found: Sequence[DeadLetter] = ()
        if error.status != 400:  # else the filter is wrong
            found = await self._letters.page(_filter(given), None, PAGE)
        return self._list(request, given, found, fault=str(error), status=error.status)

    async def _all(self, which: DeadFilter, verb: Verb) -> tuple[Acted, bool]:
        if verb == "redrive":
            return await self._letters.redrive_all(which)
        return await self._letters.skip_all(which), False

    async def _named(self, ids: Sequence[str], verb: Verb) -> Acted:
        if not ids:
            raise Rejected(422, "nothing was chosen: tick the dead letters that you mean")
        act = self._letters.redrive if verb == "redrive" else self._letters.skip
        return await act(ids)


def _list_address(given: Mapping[str, str]) -> str:
    return f"{HOME}?{urlencode(given)}" if given else HOME


def _filter(given: Mapping[str, str]) -> DeadFilter:
    """Raises `Rejected` 400 for what is no time."""
    return DeadFilter(
        kind=given.get("kind"),
        flow=given.get("flow"),
        target=given.get("target"),
        since=micros(given.get("since"), "since"),
        until=micros(given.get("until"), "until"),
    )
