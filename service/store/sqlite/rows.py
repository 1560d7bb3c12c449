"""Rows of the tables to values and back."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from triphammer.flows.journal import (
    Cached,
    Encoded,
    ErrorInfo,
    Kept,
    OutMessage,
    RunChange,
    TaskRow,
    Wait,
    WaitAnswer,
)
from triphammer.sensors.codec import decode_data, encode_data
from triphammer.sensors.contract import Claim, DeadRecord
from triphammer.sensors.event import Event
from triphammer.sensors.headers import NO_HEADERS, Headers
from triphammer.sensors.times import EPOCH
from triphammer.service.store.contract import (
    DeadEvent,
    DeadRecordRow,
    EventRow,
    FailedAttempt,
    NewRun,
    OutboxRow,
    RunRow,
)
from triphammer.service.store.versions import ServedRow, VersionRow
from triphammer.service.store.waits import ToLook, WaitRow

Row = Sequence[Any]
_MICROSECOND = timedelta(microseconds=1)
_pack = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder().encode
_encoded = msgspec.msgpack.Decoder(Encoded).decode
_error = msgspec.msgpack.Decoder(ErrorInfo).decode
_message = msgspec.msgpack.Decoder(OutMessage).decode
_claim = msgspec.msgpack.Decoder(Claim).decode
_progress = msgspec.msgpack.Decoder(tuple[float, float]).decode
_wait = msgspec.msgpack.Decoder(Wait).decode
_answer = msgspec.msgpack.Decoder(WaitAnswer).decode
_strings = msgspec.json.Decoder(dict[str, str]).decode
_mapping = msgspec.json.Decoder(dict[str, Any]).decode
_names = msgspec.json.Decoder(tuple[str, ...]).decode


def packed(value: Any) -> bytes | None:
    """A struct as it is stored; None stays None."""
    return None if value is None else _pack(value)


def names_text(names: Sequence[str]) -> str:
    """Names as JSON text."""
    return _json(names).decode()


def micros_of(moment: datetime) -> int:
    """An aware time as microseconds since 1970."""
    return (moment - EPOCH) // _MICROSECOND


def event_values(event: Event, catalog: str | None) -> tuple[Any, ...]:
    """The parameters of `add_event`."""
    kind, data = encode_data(event)
    return (
        event.key,
        event.id,
        event.source,
        event.type,
        event.subject,
        micros_of(event.time),
        micros_of(event.received_at),
        event.content_type,
        event.schema,
        _json(dict(event.headers)) if event.headers else None,
        _json(event.extensions) if event.extensions else None,
        kind,
        data,
        catalog,
    )


def event_row(row: sqlite3.Row) -> EventRow:
    """A row of `events`; a file that was moved is at its present place."""
    data: Any
    data, raw = decode_data(row["data_kind"], row["data"])
    if row["moved_to"] is not None and isinstance(data, dict):
        moved: dict[str, Any] = {**data, "path": row["moved_to"]}
        data, raw = moved, None
    event: Event[Any] = Event(
        key=row["key"],
        id=row["id"],
        source=row["source"],
        type=row["type"],
        subject=row["subject"],
        time=EPOCH + timedelta(microseconds=row["time"]),
        received_at=EPOCH + timedelta(microseconds=row["received_at"]),
        data=data,
        headers=NO_HEADERS if row["headers"] is None else Headers(_strings(row["headers"])),
        extensions={} if row["extensions"] is None else _mapping(row["extensions"]),
        content_type=row["content_type"],
        schema=row["dataschema"],
        raw=raw,
    )
    return EventRow(
        seq=row["seq"],
        event=event,
        catalog=row["catalog"],
        duplicates=row["duplicates"],
        size=len(row["data"]),
    )


def run_row(row: sqlite3.Row) -> RunRow:
    """A row of `runs`."""
    return RunRow(
        seq=row["seq"],
        id=row["id"],
        flow=row["flow"],
        version=row["version"],
        subscription=row["subscription"],
        state=row["state"],
        epoch=row["epoch"],
        event=row["event"],
        params=row["params"],
        lineage=_names(row["lineage"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        result=None if row["result"] is None else _encoded(row["result"]),
        error=None if row["error"] is None else _error(row["error"]),
        order_key=row["order_key"],
        holds=bool(row["holds"]),
        parks=bool(row["parks"]),
        settled=row["settled"],
        redrive_of=row["redrive_of"],
        crashes=row["crashes"],
        retried=row["retried"],
        note=row["note"],
        tags=_names(row["tags"]),
    )


def dead_event(row: sqlite3.Row) -> DeadEvent:
    """A row of `dead_dispositions`."""
    return DeadEvent(
        seq=row["seq"],
        event=row["event"],
        subscription=row["subscription"],
        flow=row["flow"],
        outcome=row["outcome"],
        detail=row["detail"],
        at=row["at"],
    )


def dead_record(row: sqlite3.Row) -> DeadRecordRow:
    """A row of `dead_records`."""
    headers = _strings(row["headers"])
    record = DeadRecord(row["id"], row["source"], row["reason"], row["payload"], headers)
    return DeadRecordRow(seq=row["seq"], at=row["at"], record=record)


def new_run_values(run: NewRun, event: str) -> tuple[Any, ...]:
    """The parameters of `add_run`."""
    return (
        run.id,
        run.flow,
        run.version,
        run.subscription,
        event,
        run.params,
        names_text(run.lineage),
        run.created_at,
        run.order_key,
        run.order_key is not None,
        run.parks,
    )


def run_values(seq: int, change: RunChange) -> tuple[Any, ...]:
    """The parameters of `change_run`."""
    return (
        seq,
        change.state,
        change.started_at,
        change.finished_at,
        packed(change.result),
        packed(change.error),
    )


def task_values(run: int, row: TaskRow) -> tuple[Any, ...]:
    """The parameters of `put_task`. Items of a map are named `map[n]`, what is inside one
    `map[n]/task`: neither is shown but when all is asked for."""
    name, of = row.name, None
    if name.endswith("]"):
        of = name[: name.rindex("[")]
    elif "]/" in name:
        of = name[: name.rindex("]/") + 1]
    return (
        run,
        name,
        of,
        row.state,
        row.attempt,
        row.started_at,
        row.finished_at,
        row.due_at,
        packed(row.result),
        packed(row.error),
        row.items,
        packed(row.progress),
        row.cache_key,
        row.cached_from,
    )


def task_row(row: sqlite3.Row) -> TaskRow:
    """A row of `tasks`."""
    return TaskRow(
        name=row["name"],
        state=row["state"],
        attempt=row["attempt"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        due_at=row["due_at"],
        result=None if row["result"] is None else _encoded(row["result"]),
        error=None if row["error"] is None else _error(row["error"]),
        items=row["items"],
        progress=None if row["progress"] is None else _progress(row["progress"]),
        cache_key=row["cache_key"],
        cached_from=row["cached_from"],
        earlier=row["earlier"],
    )


def attempt_values(failed: tuple[str, int, int, int, ErrorInfo]) -> tuple[Any, ...]:
    """The parameters of `add_attempt` but the run."""
    task, attempt, started, finished, error = failed
    return (task, attempt, started, finished, packed(error))


def failed_attempt(row: Row) -> FailedAttempt:
    """A row of `attempts`."""
    return FailedAttempt(row[0], row[1], row[2], row[3], _error(row[4]))


def kept_values(kept: Kept) -> tuple[Any, ...]:
    """The parameters of `add_artifact` but the run."""
    return (kept.task, kept.name, kept.digest, kept.media_type, kept.size, kept.at)


def cached(row: sqlite3.Row) -> Cached:
    """A result that was found before."""
    return Cached(_encoded(row["result"]), row["run"])


def kept(row: sqlite3.Row) -> Kept:
    """A row of `artifacts`."""
    return Kept(
        task=row["task"],
        name=row["name"],
        digest=row["digest"],
        media_type=row["media_type"],
        size=row["size"],
        at=row["at"],
    )


def message_values(change: RunChange, message: OutMessage, at: int) -> tuple[Any, ...]:
    """The parameters of `add_message`."""
    return (
        message.id,
        change.run,
        change.flow,
        _pack(message),
        message.target,
        message.key,
        message.kind,
        at,
        at,
    )


def outbox_row(row: sqlite3.Row) -> OutboxRow:
    """A row of `outbox`."""
    return OutboxRow(
        seq=row["seq"],
        message=_message(row["message"]),
        run=row["run"],
        flow=row["flow"],
        state=row["state"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        error=row["error"],
        dead_at=row["dead_at"],
        redriven_at=row["redriven_at"],
        size=len(row["message"]),
    )


def claim(data: bytes) -> Claim:
    """A stored claim."""
    return _claim(data)


def version_row(row: sqlite3.Row) -> VersionRow:
    """A stored flow version."""
    return VersionRow(
        flow=row["flow"],
        version=row["version"],
        file=row["file"],
        sources=msgspec.json.decode(row["sources"], type=dict[str, str]),
        at=row["at"],
    )


def served_row(row: sqlite3.Row) -> ServedRow:
    """A flow that serves or has served."""
    return ServedRow(
        flow=row["flow"],
        version=row["version"],
        file=row["file"],
        at=row["at"],
        removed_at=row["removed_at"],
        has_history=bool(row["has_history"]),
    )


def wait_answer(data: bytes) -> WaitAnswer:
    """A stored answer."""
    return _answer(data)


def wait_row(row: Row) -> WaitRow:
    """A row of `waits`: task, kind, began_at, due_at, wanted, answered."""
    return WaitRow(wait=_wait(row[4]), began_at=row[2], answered=bool(row[5]))


def to_look(row: Row) -> ToLook:
    """A row of `waits`: number, the run's event, wanted, first, upto."""
    return ToLook(number=row[0], own=row[1], wait=_wait(row[2]), first=row[3], upto=row[4])
