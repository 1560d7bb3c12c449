"""The door to the audit log."""

from __future__ import annotations

from fastapi import APIRouter

from triphammer.service.store.access import AuditPage, AuditRow
from triphammer.service.web import access_models
from triphammer.service.web.answer import Answer
from triphammer.service.web.openapi import Route
from triphammer.service.web.paging import before, micros, page_of
from triphammer.service.web.queries import Cursor, Limit, Moment
from triphammer.service.web.reading import Reading
from triphammer.service.web.views import moment


def audit_api(reading: Reading) -> APIRouter:
    """The route of the audit log."""
    router = APIRouter(prefix="/api/v1/audit", tags=["access"], route_class=Route)

    @router.get("")
    async def list_audit(
        who: str | None = None,
        action: str | None = None,
        since: Moment = None,
        until: Moment = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Answer[access_models.AuditLog]:
        """Who did what, newest first; posted events and webhooks tell of themselves."""
        page = AuditPage(
            limit=limit + 1,
            before=before(cursor),
            who=who,
            action=action,
            since=micros(since, "since"),
            until=micros(until, "until"),
        )
        return Answer(page_of(await reading.store.audit(page), limit, view))

    return router


def view(row: AuditRow) -> access_models.Audited:
    """One row of the audit log."""
    did = row.did
    return {
        "at": moment(did.at),
        "who": did.who,
        "token": did.token,
        "address": did.address,
        "action": did.action,
        "target": did.target,
        "status": did.status,
    }
