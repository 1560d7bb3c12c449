"""Dead letters that are outgoing messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from triphammer.config.clock import Clock
from triphammer.config.ids import is_row_number
from triphammer.sensors.errors import Rejected
from triphammer.service.deadletters import DeadFilter, DeadLetter
from triphammer.service.store.contract import (
    DeadPage,
    EnableEndpoint,
    OutboxRow,
    Outcome,
    RedriveMessage,
    SkipMessage,
    Store,
    Unit,
)


class DeadMessages:
    """Kind `message`: outgoing messages that were given up. A redrive keeps id and order.

    `changed` is called after messages came back to life or were skipped, or a target is sent
    to again: the outbox must look.
    """

    name = "message"

    def __init__(self, store: Store, clock: Clock, changed: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._changed = changed

    def owns(self, id: str) -> bool:
        return id.startswith("msg_")

    async def page(self, which: DeadFilter, after: str | None, limit: int) -> Sequence[DeadLetter]:
        page = DeadPage(
            limit=limit,
            before=None if after is None else _time_and_id(after),
            flow=which.flow,
            target=which.target,
            since=which.since,
            until=which.until,
        )
        return [_letter(row) for row in await self._store.dead_messages(page)]

    async def redrive(self, ids: Sequence[str]) -> Sequence[bool]:
        now = self._clock.now()
        return await self._commit([RedriveMessage(id=id, at=now) for id in ids])

    async def skip(self, ids: Sequence[str]) -> Sequence[bool]:
        return await self._commit([SkipMessage(id=id) for id in ids])

    async def reopen(self, target: str) -> bool:
        (opened,) = await self._commit([EnableEndpoint(target=target)])
        return opened

    async def _commit(self, units: Sequence[Unit]) -> Sequence[bool]:
        outcomes = await self._store.commit(units)
        self._changed()
        return [_done(outcome) for outcome in outcomes]


def _done(outcome: Outcome) -> bool:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome is True


def _time_and_id(place: str) -> tuple[int, str]:
    at, dot, id = place.partition(".")
    if not dot or not is_row_number(at):
        raise Rejected(400, f"{place!r} is no place in a list of dead letters")
    return int(at), id


def _letter(row: OutboxRow) -> DeadLetter:
    at = row.dead_at or row.created_at
    return DeadLetter(
        kind=DeadMessages.name,
        id=row.message.id,
        place=f"{at}.{row.message.id}",
        at=at,
        reason=row.error or "",
        attempts=row.attempts,
        created_at=row.created_at,
        flow=row.flow,
        run=row.run,
        target=row.message.target,
        key=row.message.key,
    )
