"""Dead letters that are not messages: failed runs, events that could not start a flow, records
that could not become events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from triphammer.config.errors import TriphammerError
from triphammer.config.ids import is_row_number
from triphammer.sensors.errors import Overloaded, Rejected
from triphammer.service.deadletters import Begun, DeadFilter, DeadLetter, Told
from triphammer.service.dispatcher.redrive import Redrive
from triphammer.service.errors import NotFound, StateForbids, UnknownFlow
from triphammer.service.store.contract import (
    DeadEvent,
    DeadRecordRow,
    NewRun,
    Page,
    RunRow,
    SkipRecord,
    Store,
)

RECORD = "rec_"
"""How the ids of dead records begin; their number follows."""
UNREADABLE = "a record that cannot be decoded: mend its producer, send it again, skip this one"


class DeadRuns:
    """Kind `run`: runs that failed. A redrive is a new run of the flow as it is now, on the
    same event and in the same place of its order."""

    name = "run"

    def __init__(self, store: Store, redrive: Redrive) -> None:
        self._store = store
        self._redrive = redrive

    def owns(self, id: str) -> bool:
        return id.startswith("run_")

    async def page(self, which: DeadFilter, after: str | None, limit: int) -> Sequence[DeadLetter]:
        if which.target is not None:
            return []
        rows = await self._store.dead_runs(_page(which, after, limit))
        attempts = await self._store.most_attempts([row.id for row in rows])
        return [_run(row, attempts.get(row.id, 1)) for row in rows]

    async def redrive(self, ids: Sequence[str]) -> Sequence[Told]:
        return [await _told(self._redrive.run, id) for id in ids]

    async def skip(self, ids: Sequence[str]) -> Sequence[Told]:
        return [await _told(self._redrive.skip_run, id) for id in ids]

    async def reopen(self, target: str) -> bool:
        return False


class DeadEvents:
    """Kind `event`: events whose data did not fit a flow, or at which a predicate raised. The
    id names both: `evt_.../flow`. A redrive starts the run that could not be started."""

    name = "event"

    def __init__(self, store: Store, redrive: Redrive) -> None:
        self._store = store
        self._redrive = redrive

    def owns(self, id: str) -> bool:
        return id.startswith("evt_")

    async def page(self, which: DeadFilter, after: str | None, limit: int) -> Sequence[DeadLetter]:
        if which.target is not None:
            return []
        return [_event(row) for row in await self._store.dead_events(_page(which, after, limit))]

    async def redrive(self, ids: Sequence[str]) -> Sequence[Told]:
        return [await _told(self._redrive.event, *_key_and_subscription(id)) for id in ids]

    async def skip(self, ids: Sequence[str]) -> Sequence[Told]:
        return [await _told(self._redrive.skip_event, *_key_and_subscription(id)) for id in ids]

    async def reopen(self, target: str) -> bool:
        return False


class DeadRecords:
    """Kind `record`: Kafka records that cannot be decoded. They can be looked at and skipped;
    the offset behind them was passed, so that a redrive is for the producer to send."""

    name = "record"

    def __init__(self, store: Store) -> None:
        self._store = store

    def owns(self, id: str) -> bool:
        return record_number(id) is not None

    async def page(self, which: DeadFilter, after: str | None, limit: int) -> Sequence[DeadLetter]:
        if which.target is not None or which.flow is not None:
            return []
        page = _page(which, after, limit)
        return [_record(row) for row in await self._store.dead_records(page)]

    async def redrive(self, ids: Sequence[str]) -> Sequence[Told]:
        return [UNREADABLE if await self._is_there(_number(id)) else False for id in ids]

    async def skip(self, ids: Sequence[str]) -> Sequence[Told]:
        outcomes = await self._store.commit([SkipRecord(seq=_number(id)) for id in ids])
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return [outcome is True for outcome in outcomes]

    async def reopen(self, target: str) -> bool:
        return False

    async def _is_there(self, number: int) -> bool:
        found = await self._store.dead_records(Page(limit=1, before=number + 1))
        return [row.seq for row in found] == [number]


async def _told(act: Callable[..., Awaitable[NewRun | None]], *what: str) -> Told:
    """What became of one; only a store that cannot commit ends the whole request."""
    try:
        begun = await act(*what)
    except Overloaded:
        raise
    except UnknownFlow as error:
        return str(error)
    except (NotFound, StateForbids):
        return False
    except TriphammerError as error:
        return str(error)
    return True if begun is None else Begun(begun.id)


def _key_and_subscription(id: str) -> tuple[str, str]:
    key, _, subscription = id.partition("/")
    return key, subscription


def record_number(id: str) -> int | None:
    """The number in the id of a record's dead letter; None: it is no such id."""
    number = id[len(RECORD) :]
    return int(number) if id.startswith(RECORD) and is_row_number(number) else None


def _number(id: str) -> int:
    return int(id[len(RECORD) :])


def _page(which: DeadFilter, after: str | None, limit: int) -> Page:
    if after is not None and not is_row_number(after):
        raise Rejected(400, f"{after!r} is no place in a list of dead letters")
    return Page(
        limit=limit,
        before=None if after is None else int(after),
        flow=which.flow,
        since=which.since,
        until=which.until,
    )


def _run(row: RunRow, attempts: int) -> DeadLetter:
    error = row.error
    return DeadLetter(
        kind=DeadRuns.name,
        id=row.id,
        place=str(row.seq),
        at=row.finished_at or row.created_at,
        reason="" if error is None else f"{error.type}: {error.message}",
        attempts=attempts,
        created_at=row.created_at,
        flow=row.flow,
        run=row.id,
        key=row.order_key,
    )


def _event(row: DeadEvent) -> DeadLetter:
    return DeadLetter(
        kind=DeadEvents.name,
        id=f"{row.event}/{row.subscription}",
        place=str(row.seq),
        at=row.at,
        reason=row.detail or row.outcome,
        attempts=1,
        created_at=row.at,
        flow=row.flow,
    )


def _record(row: DeadRecordRow) -> DeadLetter:
    return DeadLetter(
        kind=DeadRecords.name,
        id=f"{RECORD}{row.seq}",
        place=str(row.seq),
        at=row.at,
        reason=f"{row.record.source} {row.record.id}: {row.record.reason}",
        attempts=1,
        created_at=row.at,
    )
