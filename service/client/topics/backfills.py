"""Backfills: ticks of the past, made up for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from triphammer.service.client.calls import Given, route
from triphammer.service.client.listing import Rows, listing
from triphammer.service.client.words import Only, Order, When, moment

if TYPE_CHECKING:
    from triphammer.service.web import models


class BackfillCalls:
    """About backfills."""

    @route("POST", "/api/v1/flows/{name}/backfills")
    def begin_backfill(
        self,
        flow: str,
        begin: When,
        end: When,
        *,
        order: Order = "oldest",
        only: Only | None = None,
        again: bool = False,
        max_parallel: int = 1,
        key: str | None = None,
    ) -> Given[models.Backfill]:
        """Run a flow for the ticks its timers had from `begin` to `end` (dates: the whole day),
        those that never came or did not succeed. With the same `key` it is begun once."""
        body = _body(begin, end, order, only, again=again, max_parallel=max_parallel)
        return Given(path={"name": flow}, json=body, key=key, patient=True)

    @route("POST", "/api/v1/flows/{name}/backfills/plan")
    def plan_backfill(
        self,
        flow: str,
        begin: When,
        end: When,
        *,
        order: Order = "oldest",
        only: Only | None = None,
        again: bool = False,
        max_parallel: int = 1,
    ) -> Given[models.BackfillPlan]:
        """What a backfill would do to each tick; changes nothing."""
        body = _body(begin, end, order, only, again=again, max_parallel=max_parallel)
        return Given(path={"name": flow}, json=body, patient=True)

    @listing("/api/v1/backfills")
    def backfills(
        self, *, flow: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Rows[models.Backfills, models.Backfill]:
        """Backfills, newest first."""
        return Rows(query={"flow": flow, "limit": limit, "cursor": cursor})

    @route("GET", "/api/v1/backfills/{id}")
    def backfill(self, id: str) -> Given[models.BackfillInFull]:
        """One backfill with its first ticks; `ticks` has all of them."""
        return Given(path={"id": id})

    @listing("/api/v1/backfills/{id}")
    def ticks(
        self, id: str, *, limit: int = 500, after: str | None = None
    ) -> Rows[models.BackfillInFull, models.Tick]:
        """The ticks of a backfill in order."""
        return Rows(path={"id": id}, query={"limit": limit, "after": after}, by="after")

    @route("POST", "/api/v1/backfills/{id}/cancel")
    def cancel_backfill(self, id: str) -> Given[models.Backfill]:
        """Begin no more ticks; the runs under way go on."""
        return Given(path={"id": id})


def _body(
    begin: When, end: When, order: Order, only: Only | None, *, again: bool, max_parallel: int
) -> dict[str, Any]:
    return {
        "from": moment(begin),
        "to": moment(end),
        "order": order,
        "only": only,
        "again": again,
        "max_parallel": max_parallel,
    }
