"""The doors to the dead letters: list, redrive, skip."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from triphammer.sensors.errors import Rejected
from triphammer.service.access.audit import about
from triphammer.service.deadletters import Acted, DeadFilter, DeadLetter, DeadLetters
from triphammer.service.web import models
from triphammer.service.web.answer import Answer
from triphammer.service.web.openapi import Route, problems
from triphammer.service.web.paging import micros, strange
from triphammer.service.web.queries import Limit, Moment
from triphammer.service.web.views import moment

MOST_IDS = 1000
KINDS = ("message", "run", "event", "record")
FILTERS = ("kind", "flow", "target", "since", "until")
Kind = Annotated[str | None, Query(json_schema_extra={"enum": list(KINDS)})]
Cursor = Annotated[
    str | None,
    Query(
        description="`next` of the page before, of the same kind if one was given.",
        json_schema_extra={
            "pattern": r"^((run|event|record)\.[0-9]{1,18}|message\.[0-9]{1,18}\..+)$"
        },
    ),
]
ONE_WAY: dict[str, Any] = {
    "oneOf": [
        {
            "required": ["ids"],
            "properties": {
                "ids": {"type": "array"},
                "all": {"const": False},
                **{name: {"type": "null"} for name in FILTERS},
            },
        },
        {
            "properties": {"ids": {"type": "null"}},
            "anyOf": [
                {"required": ["all"], "properties": {"all": {"const": True}}},
                *(
                    {"required": [name], "properties": {name: {"type": "string"}}}
                    for name in FILTERS
                ),
            ],
        },
    ]
}
"""What `Which.filter` asks for, in the words of JSON Schema."""


class Which(BaseModel):
    """Either ids, or a filter whose every condition must hold, or all."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=ONE_WAY)

    ids: list[str] | None = Field(default=None, min_length=1, max_length=MOST_IDS)
    kind: str | None = Field(default=None, json_schema_extra={"enum": [*KINDS, None]})
    flow: str | None = None
    target: str | None = None
    since: str | None = Field(default=None, json_schema_extra={"format": "date-time"})
    until: str | None = Field(default=None, json_schema_extra={"format": "date-time"})
    all: bool = False

    def filter(self) -> DeadFilter | None:
        """The filter; None where ids are named. Raises `Rejected` 400 for both or nothing."""
        asked = DeadFilter(
            kind=self.kind,
            flow=self.flow,
            target=self.target,
            since=micros(self.since, "since"),
            until=micros(self.until, "until"),
        )
        narrowed = asked != DeadFilter()
        if self.ids is not None and (narrowed or self.all):
            raise Rejected(400, "give either ids or a filter, not both")
        if self.ids is None and not narrowed and not self.all:
            raise Rejected(400, 'which ones? give "ids", a filter, or "all": true')
        return None if self.ids is not None else asked

    def told(self) -> str:
        """What was asked for, for the audit log."""
        return " ".join(self.ids or []) or self.model_dump_json(exclude_defaults=True)


def deadletters_api(letters: DeadLetters) -> APIRouter:
    """The routes of the dead letters."""
    router = APIRouter(prefix="/api/v1/deadletters", tags=["dead letters"], route_class=Route)

    @router.get("")
    async def list_dead_letters(
        kind: Kind = None,
        flow: str | None = None,
        target: str | None = None,
        since: Moment = None,
        until: Moment = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Answer[models.DeadLetters]:
        """Dead letters of one kind, or of all kind by kind, the newest first."""
        asked = Which(kind=kind, flow=flow, target=target, since=since, until=until, all=True)
        found = await letters.page(asked.filter() or DeadFilter(), after(cursor), limit + 1)
        shown = found[:limit]
        more = len(found) > limit
        next = following(shown[-1]) if more else None
        return Answer({"items": [view(item) for item in shown], "next": next})

    @router.post("/redrive", responses=problems(404))
    async def redrive_dead_letters(body: Which, request: Request) -> Answer[models.Redriven]:
        """Give dead letters a new life, under their ids and in their old order; a redrive by
        target also enables a target that had answered 410."""
        which = body.filter()
        about(request.scope, body.told())
        if which is None:
            return Answer(_redriven(await letters.redrive(body.ids or []), False))
        return Answer(_redriven(*await letters.redrive_all(which)))

    @router.post("/skip", responses=problems(404))
    async def skip_dead_letters(body: Which, request: Request) -> Answer[models.Skipped]:
        """Give dead letters up for good; what waits behind them goes on."""
        which = body.filter()
        about(request.scope, body.told())
        if which is None:
            return Answer(_skipped(await letters.skip(body.ids or [])))
        return Answer(_skipped(await letters.skip_all(which)))

    return router


def _redriven(acted: Acted, enabled: bool) -> models.Redriven:
    return {
        "redriven": acted.count,
        "runs": list(acted.runs),
        "not_dead": list(acted.not_dead),
        "refused": _refused(acted),
        "enabled": enabled,
    }


def _skipped(acted: Acted) -> models.Skipped:
    return {
        "skipped": acted.count,
        "not_dead": list(acted.not_dead),
        "refused": _refused(acted),
    }


def _refused(acted: Acted) -> list[models.Refused]:
    return [{"id": id, "reason": reason} for id, reason in acted.refused.items()]


def view(letter: DeadLetter) -> models.DeadLetter:
    """One dead letter."""
    return {
        "kind": letter.kind,
        "id": letter.id,
        "flow": letter.flow,
        "run": letter.run,
        "target": letter.target,
        "key": letter.key,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "created_at": moment(letter.created_at),
        "at": moment(letter.at),
    }


def following(last: DeadLetter) -> str:
    """The cursor of the page behind `last`."""
    return f"{last.kind}.{last.place}"


def after(cursor: str | None) -> tuple[str, str] | None:
    """The kind and place that a cursor names. Raises `Rejected` 400 for one that we never gave."""
    if cursor is None:
        return None
    kind, dot, place = cursor.partition(".")
    if not dot:
        raise strange(cursor)
    return kind, place
