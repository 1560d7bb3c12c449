"""Rows as the JSON that users see (SURFACE section 6); times are RFC 3339 UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any, cast, overload

import msgspec

from triphammer.flows.bodies import owner_of
from triphammer.flows.codec import decode_json_safe
from triphammer.flows.engine.plan import executor_of
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import Encoded, ErrorInfo, Kept, TaskRow
from triphammer.sensors.codec import event_json
from triphammer.sensors.contract import Accepted
from triphammer.service.store.access import TokenRow
from triphammer.service.store.contract import (
    Disposition,
    EventRow,
    FailedAttempt,
    OutboxRow,
    RunRow,
)
from triphammer.service.store.operator_units import OperationRow
from triphammer.service.store.versions import ServedRow
from triphammer.service.store.waits import WaitRow
from triphammer.service.web import access_models, models
from triphammer.service.web.subscriptions import Subscription


@overload
def moment(micros: int) -> str: ...
@overload
def moment(micros: int | None) -> str | None: ...
def moment(micros: int | None) -> str | None:
    """Microseconds since 1970 as RFC 3339 text in UTC."""
    if micros is None:
        return None
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat().replace("+00:00", "Z")


def accepted(item: Accepted) -> models.Accepted:
    """What became of one posted event."""
    return {
        "event": item.key,
        "id": item.id,
        "source": item.source,
        "duplicate": item.duplicate,
        "runs": list(item.runs),
    }


def run(row: RunRow) -> models.Run:
    """One run."""
    return {
        "id": row.id,
        "flow": row.flow,
        "version": row.version,
        "state": row.state,
        "event": row.event,
        "params": msgspec.json.decode(row.params),
        "result": value(row.result),
        "error": error(row.error),
        "created_at": moment(row.created_at),
        "started_at": moment(row.started_at),
        "finished_at": moment(row.finished_at),
        "note": row.note,
        "tags": list(row.tags),
    }


def task(row: TaskRow) -> models.Task:
    """One task or map item."""
    return {
        "name": row.name,
        "state": row.state,
        "attempt": row.attempt,
        "started_at": moment(row.started_at),
        "finished_at": moment(row.finished_at),
        "error": error(row.error),
        "progress": _reached(row.progress),
        "cached_from": row.cached_from,
    }


def _reached(progress: tuple[float, float] | None) -> models.Reached | None:
    return None if progress is None else {"done": progress[0], "total": progress[1]}


def task_in_full(
    row: TaskRow, failed: Sequence[FailedAttempt], items: Mapping[str, int] | None
) -> models.TaskInFull:
    """One task with its result, those of its attempts that failed and, for a map, its items by
    state."""
    return {
        **task(row),
        "items": None if items is None else dict(items),
        "result": value(row.result),
        "due_at": moment(row.due_at),
        "attempts": [attempt(a) for a in failed],
    }


def stored_task(row: TaskRow) -> models.StoredTask:
    """One task with its result as it is stored."""
    result = row.result
    return {
        "name": row.name,
        "state": row.state,
        "attempt": row.attempt,
        "items": row.items,
        "error": error(row.error),
        "result": None
        if result is None
        else {"kind": result.kind, "body": result.body, "media": result.media},
    }


def attempt(item: FailedAttempt) -> models.Attempt:
    """One try of a task that failed."""
    return {
        "attempt": item.attempt,
        "started_at": moment(item.started_at),
        "finished_at": moment(item.finished_at),
        "error": error(item.error),
    }


def error(info: ErrorInfo | None) -> models.Error | None:
    """Why something failed."""
    if info is None:
        return None
    return {"type": info.type, "message": info.message, "traceback": info.traceback}


def value(encoded: Encoded | None) -> Any:
    """A stored value; what is no JSON is named by its type and size, never unpickled."""
    return None if encoded is None else decode_json_safe(encoded)


def event(row: EventRow) -> models.Event:
    """One event."""
    shown = {**event_json(row.event), "duplicates": row.duplicates}
    return cast("models.Event", shown)  # which keys it has, the tests of the document see


def disposition(item: Disposition) -> models.Disposition:
    """What became of an event for one subscription."""
    return {
        "subscription": item.subscription,
        "flow": item.flow,
        "outcome": item.outcome,
        "detail": item.detail,
        "run": item.run,
    }


def wait(row: WaitRow) -> models.Wait:
    """What a task waits for."""
    asked = row.wait
    return {
        "task": asked.task,
        "kind": asked.kind,
        "began_at": moment(row.began_at),
        "due_at": moment(asked.due_at),
        "pattern": None if asked.pattern is None else dict(asked.pattern),
        "title": asked.title or None,
        "form": None if asked.form is None else dict(asked.form),
        "answered": row.answered,
    }


def operation(row: OperationRow) -> models.Operation:
    """What an operator has done."""
    return {"at": moment(row.at), "by": row.by, "what": row.what, "detail": row.detail}


def kept(row: Kept) -> models.Artifact:
    """A file that a task has kept."""
    return {
        "name": row.name,
        "task": row.task,
        "digest": row.digest,
        "media_type": row.media_type,
        "size": row.size,
        "created_at": moment(row.at),
        "url": f"/api/v1/artifacts/{row.digest}",
    }


def message(row: OutboxRow) -> models.Message:
    """One outgoing message."""
    return {
        "id": row.message.id,
        "kind": row.message.kind,
        "target": row.message.target,
        "key": row.message.key,
        "run": row.run,
        "task": row.message.task,
        "state": row.state,
        "attempts": row.attempts,
        "created_at": moment(row.created_at),
        "due_at": moment(row.due_at) if row.state == "pending" else None,
        "error": row.error,
    }


def removed_flow(row: ServedRow, *, paused: bool, counts: Mapping[str, int]) -> models.RemovedFlow:
    """One flow that serves no more."""
    return {
        "name": row.flow,
        "version": row.version,
        "file": row.file,
        "paused": paused,
        "removed_at": moment(row.removed_at),
        "runs": dict(counts),
    }


def flow(
    definition: FlowDef,
    *,
    paused: bool,
    counts: Mapping[str, int],
    next_fire: int | None,
    error: str | None = None,
    is_removed: bool = False,
) -> models.Flow:
    """One flow as it serves now, or did until it was removed."""
    return {
        "name": definition.name,
        "version": definition.version,
        "state": "removed" if is_removed else "live",
        "error": error,
        "doc": definition.doc,
        "file": definition.file,
        "line": definition.line,
        "paused": paused,
        "mode": definition.mode,
        "max_runs": definition.max_runs,
        "per": definition.per,
        "order_by": definition.order_by,
        "timeout": definition.timeout,
        "notify": None if definition.notify is None else list(map(str, definition.notify)),
        "deadline": definition.deadline,
        "on": [source.text or source.kind for source in definition.on],
        "params": {name: dict(p.schema) for name, p in definition.params.items()},
        "runs": dict(counts),
        "next_fire": moment(next_fire),
    }


def subscription(item: Subscription) -> models.Subscription:
    """What a flow listens to, in words."""
    return {
        "kind": item.kind,
        "sentence": item.sentence,
        "conditions": list(item.conditions),
        "notes": list(item.notes),
        "written": item.written,
    }


def graph(definition: FlowDef) -> models.Graph:
    """The drawn graph of a flow: what the console lays out."""
    nodes: list[models.Node] = [
        {
            "name": node.name,
            "task": node.spec.name,
            "kind": node.spec.kind,
            "mapped": node.mapped,
            "upstream": list(node.above) + ([owner] if owner and not node.above else []),
            "groups": list(node.groups),
            "role": node.role,
            "when": None if node.options.when is None else repr(node.options.when),
            "where": node.where,
            "executor": executor_of(node),
            "env": None if node.options.env is None else str(node.options.env),
            "retries": node.options.retries,
            "retry_on": list(node.options.retry_on),
            "never_retry": list(node.options.never_retry),
            "rate": node.options.rate,
            "cache": node.options.cache is not None,
            "cache_age": None if node.options.cache == inf else node.options.cache,
            "breaker": None if node.options.breaker is None else str(node.options.breaker),
            "pool": node.options.pool,
            "slots": node.options.slots,
            "priority": node.options.priority,
            "timeout": node.options.timeout,
            "trigger_rule": node.options.trigger_rule,
        }
        for node in definition.graph.every()
        for owner in (owner_of(node.name),)
    ]
    return {"nodes": nodes}


def token(row: TokenRow, now: int) -> access_models.Token:
    """A token without anything that would let one make its text."""
    state = "revoked" if row.revoked_at is not None else "in force"
    return {
        "id": row.id,
        "name": row.name,
        "scopes": list(row.scopes),
        "created_at": moment(row.created_at),
        "created_by": row.created_by,
        "expires_at": moment(row.expires_at),
        "used_at": moment(row.used_at),
        "revoked_at": moment(row.revoked_at),
        "state": "expired" if state == "in force" and not row.in_force(now) else state,
    }
