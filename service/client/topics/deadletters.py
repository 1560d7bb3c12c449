"""What was given up: listed, tried again, let go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from triphammer.service.client.calls import Given, route
from triphammer.service.client.listing import Rows, listing
from triphammer.service.client.words import DeadKind, When, moment

if TYPE_CHECKING:
    from triphammer.service.web import models


class DeadLetterCalls:
    """About dead letters: failed runs, events that did not fit, messages that were not delivered,
    Kafka records that cannot be decoded."""

    @listing("/api/v1/deadletters")
    def deadletters(
        self,
        *,
        kind: DeadKind | None = None,
        flow: str | None = None,
        target: str | None = None,
        since: When | None = None,
        until: When | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Rows[models.DeadLetters, models.DeadLetter]:
        """Dead letters of one kind, or of all kind by kind, the newest first."""
        query = _filter(kind, flow, target, since, until)
        return Rows(query={**query, "limit": limit, "cursor": cursor})

    @route("POST", "/api/v1/deadletters/redrive")
    def redrive(
        self,
        ids: Sequence[str] | None = None,
        *,
        kind: DeadKind | None = None,
        flow: str | None = None,
        target: str | None = None,
        since: When | None = None,
        until: When | None = None,
        all: bool = False,
    ) -> Given[models.Redriven]:
        """Try dead letters again: those of the `ids`, those that meet every condition, or all. By
        target, one that had answered 410 is sent to again."""
        body = _which(ids, _filter(kind, flow, target, since, until), all=all)
        return Given(json=body, patient=True)

    @route("POST", "/api/v1/deadletters/skip")
    def skip(
        self,
        ids: Sequence[str] | None = None,
        *,
        kind: DeadKind | None = None,
        flow: str | None = None,
        target: str | None = None,
        since: When | None = None,
        until: When | None = None,
        all: bool = False,
    ) -> Given[models.Skipped]:
        """Give dead letters up for good; what waits behind them goes on."""
        body = _which(ids, _filter(kind, flow, target, since, until), all=all)
        return Given(json=body, patient=True)


def _filter(
    kind: DeadKind | None,
    flow: str | None,
    target: str | None,
    since: When | None,
    until: When | None,
) -> dict[str, str | None]:
    times = {"since": moment(since), "until": moment(until)}
    return {"kind": kind, "flow": flow, "target": target, **times}


def _which(
    ids: Sequence[str] | None, filter: dict[str, str | None], *, all: bool
) -> dict[str, Any]:
    which: dict[str, Any] = {name: value for name, value in filter.items() if value is not None}
    if ids is not None:
        which["ids"] = list(ids)
    return {**which, "all": True} if all else which
