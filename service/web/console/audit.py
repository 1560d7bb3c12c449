"""`/audit`: who did what, for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.sensors.errors import Rejected
from triphammer.service.store.access import AuditPage
from triphammer.service.web import access_models, audit, models
from triphammer.service.web.console.narrowing import moment_fields, narrowed
from triphammer.service.web.pages import PAGE, Pages
from triphammer.service.web.paging import before, micros, page_of
from triphammer.service.web.reading import Reading

FIELDS = ("who", "action", "since", "until")


class AuditPages:
    """The audit log."""

    def __init__(self, reading: Reading, pages: Pages) -> None:
        self._reading = reading
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/audit", self.audit_log)]

    async def audit_log(self, request: Request) -> Response:
        """Who did what, newest first."""
        given, fault, status = narrowed(request.query_params, FIELDS), "", 200
        shown: models.Page[access_models.Audited] = {"items": [], "next": None}
        try:
            asked = AuditPage(
                limit=PAGE + 1,
                before=before(request.query_params.get("cursor")),
                who=given.get("who"),
                action=given.get("action"),
                since=micros(given.get("since"), "since"),
                until=micros(given.get("until"), "until"),
            )
            shown = page_of(await self._reading.store.audit(asked), PAGE, audit.view)
        except Rejected as error:
            fault, status = str(error), error.status
        return self._pages.page(
            "audit.html",
            status=status,
            page=shown,
            given=given,
            moments=moment_fields(given),
            query=urlencode(given),
            fault=fault,
            first="cursor" not in request.query_params,
        )
