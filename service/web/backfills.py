"""The doors to backfills: plan, begin, look, cancel."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field

from triphammer.service.backfills.backfills import Backfills
from triphammer.service.errors import UnknownBackfill
from triphammer.service.store.backfills import Asked, BackfillRow, Only, Order, Tick
from triphammer.service.web import models
from triphammer.service.web.answer import Answer
from triphammer.service.web.backfill_form import MOST_PARALLEL
from triphammer.service.web.openapi import Route, problems
from triphammer.service.web.paging import before, micros, page_of
from triphammer.service.web.queries import Cursor, Limit, Moment, Whole
from triphammer.service.web.reading import Reading
from triphammer.service.web.views import moment


class BackfillBody(BaseModel):
    """The ticks from `from` to `to`: ISO 8601 dates (the whole day) or times, in the zone of
    `[flows] timezone` where they name none."""

    model_config = ConfigDict(extra="forbid", strict=True)

    begin: str = Field(alias="from")
    end: str = Field(alias="to")
    order: Order = "oldest"
    only: Only | None = None
    again: bool = False
    max_parallel: Annotated[int, Whole] = Field(default=1, ge=1, le=MOST_PARALLEL)


def backfills_api(backfills: Backfills, reading: Reading) -> APIRouter:
    """The routes of backfills."""
    router = APIRouter(prefix="/api/v1", tags=["backfills"], route_class=Route)

    @router.post("/flows/{name}/backfills", status_code=202, responses=problems(404))
    async def begin_backfill(
        name: str,
        body: BackfillBody,
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Answer[models.Backfill]:
        """Make up for ticks of a flow's timers; the same `Idempotency-Key` begins it once."""
        row = await backfills.begin(_asked(backfills, name, body), idempotency_key)
        return Answer(backfill_of(row), status_code=202)

    @router.post("/flows/{name}/backfills/plan", responses=problems(404))
    async def plan_backfill(name: str, body: BackfillBody) -> Answer[models.BackfillPlan]:
        """What a backfill would do to each tick; changes nothing."""
        asked = _asked(backfills, name, body)
        return Answer(plan_of(asked, await backfills.plan(asked)))

    @router.get("/backfills")
    async def list_backfills(
        flow: str | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> Answer[models.Backfills]:
        """Backfills, newest first."""
        rows = await backfills.store.backfills(limit=limit + 1, before=before(cursor), flow=flow)
        return Answer(page_of(rows, limit, backfill_of))

    @router.get("/backfills/{id}", responses=problems(404))
    async def show_backfill(
        id: str,
        limit: Limit = 500,
        after: Annotated[Moment, Query(description="Due time of the last tick seen.")] = None,
    ) -> Answer[models.BackfillInFull]:
        """One backfill with its ticks in order."""
        row = await backfills.row(await reading.full_id(id, UnknownBackfill))
        ticks = await backfills.store.ticks(row.id, after=micros(after, "after"), limit=limit)
        more = len(ticks) == limit
        following = moment(ticks[-1].due) if more else None
        return Answer(
            {**backfill_of(row), "items": [tick_of(tick) for tick in ticks], "next": following}
        )

    @router.post("/backfills/{id}/cancel", responses=problems(404, 409))
    async def cancel_backfill(id: str) -> Answer[models.Backfill]:
        """Begin no more ticks; the runs under way go on. 409 when it is over."""
        return Answer(
            backfill_of(await backfills.cancel(await reading.full_id(id, UnknownBackfill)))
        )

    return router


def _asked(backfills: Backfills, flow: str, body: BackfillBody) -> Asked:
    return backfills.asked(
        flow,
        body.begin,
        body.end,
        order=body.order,
        only=body.only,
        again=body.again,
        max_parallel=body.max_parallel,
    )


def backfill_of(row: BackfillRow) -> models.Backfill:
    """One backfill, its ticks counted."""
    return {
        **_span(row.asked),
        "id": row.id,
        "state": row.state,
        "total": sum(row.ticks.values()),
        "ticks": dict(row.ticks),
        "created_at": moment(row.created_at),
        "finished_at": moment(row.finished_at),
    }


def plan_of(asked: Asked, ticks: list[Tick]) -> models.BackfillPlan:
    """What a backfill would do to `ticks`."""
    return {
        **_span(asked),
        "total": len(ticks),
        "ticks": dict(Counter(tick.state for tick in ticks)),
        "items": [tick_of(tick) for tick in ticks],
    }


def _span(asked: Asked) -> models.Span:
    return {
        "flow": asked.flow,
        "from": moment(asked.begin),
        "to": moment(asked.end),
        "order": asked.order,
        "only": asked.only,
        "again": asked.again,
        "max_parallel": asked.max_parallel,
    }


def tick_of(tick: Tick) -> models.Tick:
    """One tick of a backfill."""
    return {
        "due": moment(tick.due),
        "state": tick.state,
        "run": tick.run,
        "detail": tick.detail,
    }
