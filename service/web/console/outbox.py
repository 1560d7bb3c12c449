"""`/outbox`: what goes out, and one message of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.sensors.errors import Rejected
from triphammer.service.access.scopes import caller_of
from triphammer.service.errors import NotFound, UnknownMessage
from triphammer.service.health import Health
from triphammer.service.store.contract import OutboxRow
from triphammer.service.store.looking import OutboxPage
from triphammer.service.web import views
from triphammer.service.web.console.narrowing import narrowed
from triphammer.service.web.console.payload import Node, tree
from triphammer.service.web.documents import MESSAGE_STATES
from triphammer.service.web.pages import PAGE, Pages
from triphammer.service.web.paging import MOST_BYTES, before, page_of
from triphammer.service.web.reading import Reading
from triphammer.service.web.shown import Mask

FIELDS = ("state", "kind", "target", "flow")
KINDS = ("webhook", "kafka", "email")
LONGEST = 100_000
"""Characters of a body that is no JSON that a page shows."""
PART = "outbox to "
"""How the outbox names a target that is in trouble, among the parts."""

REFUSED = " (disabled)"
"""And how one of those that want nothing more, which are listed by themselves."""


class OutboxPages:
    """The list of messages, and one message."""

    def __init__(self, reading: Reading, health: Health, pages: Pages, *, mask: Mask) -> None:
        self._reading = reading
        self._health = health
        self._pages = pages
        self._mask = mask

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/outbox", self.messages), Route("/outbox/{id}", self.message)]

    async def messages(self, request: Request) -> Response:
        """All messages, newest first; who refuses them, and what is tried again."""
        query, store = request.query_params, self._reading.store
        given, fault, status = narrowed(query, FIELDS), "", 200
        rows: Sequence[OutboxRow] = ()
        try:
            place = before(query.get("cursor"))
            asked = OutboxPage(limit=PAGE + 1, bytes=MOST_BYTES, before=place, **given)
            rows = await store.outbox_page(asked)
        except Rejected as error:
            fault, status = str(error), error.status
        shown = page_of(rows, PAGE, views.message)
        return self._pages.page(
            "outbox.html",
            status=status,
            messages=shown["items"],
            flows=[row.flow for row in rows[:PAGE]],
            next=shown["next"],
            counts=await store.outbox_counts(),
            refused=[
                {"target": one.target, "reason": one.reason, "at": views.moment(one.disabled_at)}
                for one in await store.endpoints()
            ],
            troubles=self._troubles(),
            states=MESSAGE_STATES,
            kinds=KINDS,
            given=given,
            query=urlencode(given),
            fault=fault,
            first="cursor" not in query,
        )

    async def message(self, request: Request) -> Response:
        """One message: what it says, where it goes, and what became of it."""
        id, store = request.path_params["id"], self._reading.store
        try:
            row = await store.message(await self._reading.full_id(id, UnknownMessage))
            if row is None:
                raise UnknownMessage(id)
        except NotFound as error:
            return self._pages.missing(error)
        return self._pages.page(
            "message.html",
            message=views.message(row),
            flow=row.flow,
            row=row.message,
            dead_at=views.moment(row.dead_at),
            body=self._body(row.message.body),
            kept_headers={name: self._mask(value) for name, value in row.message.headers.items()},
            operates=caller_of(request.scope).may("operate"),
        )

    def _troubles(self) -> Sequence[tuple[str, str]]:
        """Targets that cannot be reached just now, and why."""
        parts = self._health.parts().items()
        return sorted(
            (name.removeprefix(PART), part.reason)
            for name, part in parts
            if name.startswith(PART) and part.reason and not name.endswith(REFUSED)
        )

    def _body(self, body: bytes | None) -> Node | str | None:
        """What is sent: JSON as a tree, else as text; None: nothing is sent."""
        if body is None:
            return None
        try:
            value: Any = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._mask(body.decode("utf-8", "backslashreplace"))[:LONGEST]
        return tree(value, self._mask)
