"""The doors to the dead letters: list, redrive, skip."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from triphammer.sensors.errors import Rejected
from triphammer.service.deadletters import Acted, DeadFilter, DeadLetter, DeadLetters
from triphammer.service.web.answer import Answer
from triphammer.service.web.paging import micros
from triphammer.service.web.views import Json, moment

MOST_IDS = 1000


class Which(BaseModel):
    """Either ids, or a filter whose every condition must hold, or all."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] | None = Field(default=None, min_length=1, max_length=MOST_IDS)
    kind: str | None = None
    flow: str | None = None
    target: str | None = None
    since: str | None = None
    until: str | None = None
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


def deadletters_api(letters: DeadLetters) -> APIRouter:
    """The routes of the dead letters."""
    router = APIRouter(prefix="/api/v1/deadletters", tags=["dead letters"])

    @router.get("")
    async def list_dead_letters(
        kind: str | None = None,
        flow: str | None = None,
        target: str | None = None,
        since: Annotated[str | None, Query(description="RFC 3339 time.")] = None,
        until: Annotated[str | None, Query(description="RFC 3339 time.")] = None,
        limit: Annotated[int, Query(ge=1, le=500, description="Rows a page.")] = 50,
        cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    ) -> Answer:
        """Dead letters of one kind, or of all kind by kind, the newest first."""
        asked = Which(kind=kind, flow=flow, target=target, since=since, until=until, all=True)
        found = await letters.page(asked.filter() or DeadFilter(), _after(cursor), limit + 1)
        shown = found[:limit]
        more = len(found) > limit
        following = _next(shown[-1]) if more else None
        return Answer({"items": [_view(item) for item in shown], "next": following})

    @router.post("/redrive")
    async def redrive_dead_letters(body: Which) -> Answer:
        """Give dead letters a new life, under their ids and in their old order; a redrive by
        target also enables a target that had answered 410."""
        which = body.filter()
        if which is None:
            done = await letters.redrive(body.ids or [])
            return Answer({"redriven": done.count, **_left(done), "enabled": False})
        done, enabled = await letters.redrive_all(which)
        return Answer({"redriven": done.count, **_left(done), "enabled": enabled})

    @router.post("/skip")
    async def skip_dead_letters(body: Which) -> Answer:
        """Give dead letters up for good; what waits behind them goes on."""
        which = body.filter()
        if which is None:
            done = await letters.skip(body.ids or [])
            return Answer({"skipped": done.count, **_left(done)})
        done = await letters.skip_all(which)
        return Answer({"skipped": done.count, **_left(done)})

    return router


def _left(acted: Acted) -> Json:
    refused = [{"id": id, "reason": reason} for id, reason in acted.refused.items()]
    return {"not_dead": list(acted.not_dead), "refused": refused}


def _view(letter: DeadLetter) -> Json:
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


def _next(last: DeadLetter) -> str:
    return f"{last.kind}.{last.place}"


def _after(cursor: str | None) -> tuple[str, str] | None:
    if cursor is None:
        return None
    kind, dot, place = cursor.partition(".")
    if not dot:
        raise Rejected(400, f"cursor {cursor!r} is not one of ours: pass `next` of the last page")
    return kind, place
