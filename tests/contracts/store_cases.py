"""Units and open stores for the suites over every kind of store."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import msgspec

from triphammer.config.ids import new_id
from triphammer.flows.journal import Encoded, ErrorInfo, OutMessage, RunChange, TaskRow
from triphammer.sensors.codec import new_event
from triphammer.sensors.contract import Claim
from triphammer.sensors.event import Event
from triphammer.service.store.contract import (
    Accept,
    ClaimRun,
    Decided,
    Disposition,
    NewRun,
    Outcome,
    Progress,
    Unit,
)
from triphammer.service.store.opening import Opened, open_folder, open_memory
from triphammer.service.store.sqlite.store import SqliteStore

NOW = 1_700_000_000_000_000
ERROR = ErrorInfo("ValueError", "no such thing", "Traceback ...")
CLAIM = Claim("/in/a.csv", "7:3:9", "a.csv", "/in/done", "/in/failed")
_number = count(1)


@asynccontextmanager
async def running(opening: AbstractAsyncContextManager[Opened]) -> AsyncGenerator[Opened]:
    """Open stores whose writers run."""
    async with opening as opened, anyio.create_task_group() as group:
        await group.start(opened.run)
        yield opened
        opened.close()


def opening(kind: str, folder: Path) -> AbstractAsyncContextManager[Opened]:
    """The opening of a "file" or "memory" store that no error is expected of."""
    if kind == "memory":
        return open_memory(failed=_unexpected)
    return open_folder(folder, failed=_unexpected, published=lambda _: None)


def _unexpected(error: Exception) -> None:
    raise AssertionError("the store failed") from error


def an_event(id: str | None = None, **attributes: Any) -> Event:
    """An event of its own identity unless one is given."""
    number = next(_number)
    given: dict[str, Any] = {
        "source": "shop",
        "type": "order.created",
        "data": {"n": number},
        "now": NOW + number,
    }
    return new_event(id=id or f"event-{number}", **{**given, **attributes})


def a_run(flow: str = "orders", **fields: Any) -> NewRun:
    """A run of its own."""
    given: dict[str, Any] = {
        "id": new_id("run"),
        "flow": flow,
        "version": "v1",
        "subscription": flow,
        "params": b"{}",
        "created_at": NOW,
        "lineage": (flow,),
    }
    return NewRun(**{**given, **fields})


def ran(event: Event, *runs: NewRun, claim: Claim | None = None) -> Decided:
    """The event with runs and their dispositions."""
    dispositions = tuple(Disposition(r.subscription, r.flow, "ran", None, r.id) for r in runs)
    return Decided(event=event, dispositions=dispositions, runs=runs, claim=claim)


def accept(*decided: Decided, **fields: Any) -> Accept:
    """A unit that accepts events."""
    return Accept(decided=decided, received_at=NOW, **fields)


async def one(store: SqliteStore, unit: Unit) -> Outcome:
    """The outcome of one unit."""
    (outcome,) = await store.commit([unit])
    return outcome


async def begun(
    store: SqliteStore, *runs: NewRun, event: Event | None = None, claim: Claim | None = None
) -> None:
    """Accept an event with these runs, and take each of them: epoch 1, running."""
    await one(store, accept(ran(event or an_event(), *runs, claim=claim)))
    for run in runs:
        assert await one(store, ClaimRun(run=run.id, owner="me")) == 1
        assert await one(store, changed(run, state="running", started_at=NOW)) == ()


def changed(run: NewRun, *, epoch: int = 1, **fields: Any) -> Progress:
    """A change of a run."""
    return Progress(change=RunChange(run=run.id, flow=run.flow, epoch=epoch, **fields), at=NOW)


def causing(unit: Progress, *caused: Decided) -> Progress:
    """The change with the events that it brings about."""
    return msgspec.structs.replace(unit, caused=caused)


def a_task(name: str, state: str = "succeeded", **fields: Any) -> TaskRow:
    """A task row with a result if it succeeded."""
    result = Encoded("json", b"1") if state == "succeeded" else None
    return TaskRow(name=name, state=state, attempt=1, started_at=NOW, result=result, **fields)


def a_message(id: str | None = None, **fields: Any) -> OutMessage:
    """A webhook to be sent."""
    given: dict[str, Any] = {"kind": "webhook", "target": "http://there", "body": b"{}"}
    return OutMessage(id=id or new_id("msg"), **{**given, **fields})
