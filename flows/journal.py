"""What the engine asks the store to remember: plain rows, handed over, committed elsewhere.

All times are int64 microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec


class Encoded(msgspec.Struct, frozen=True):
    """A value as stored. `kind`: "json" (body is JSON), "msgpack", "pickle", "artifact".

    For "artifact" the body is the content hash in the artifact store and `media` says what
    the content is encoded as.
    """

    kind: str
    body: bytes
    media: str = ""


class ErrorInfo(msgspec.Struct, frozen=True):
    """Why an attempt failed: the exception's type, its message (masked) and traceback."""

    type: str
    message: str
    traceback: str = ""


class OutMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message for the outbox: delivered at least once under its stable `id`.

    `kind` is "webhook" (target: URL, or `secret:NAME` for a reference) or "kafka" (target:
    topic). `body` is the exact payload; None is a Kafka tombstone. `key` orders deliveries
    to one target. `secret` names the secret that signs a webhook. `connection` names the
    Kafka connection. `task` is filled in by the engine.
    """

    id: str
    kind: str
    target: str
    body: bytes | None
    key: str | None = None
    headers: Mapping[str, str] = {}
    content_type: str = "application/json"
    secret: str | None = None
    connection: str = "kafka"
    task: str = ""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact that an attempt has kept: `name` in its task, `digest` of its content, `size`
    in bytes. `task` is filled in by the engine."""

    name: str
    digest: str
    media_type: str
    size: int
    at: int
    task: str = ""


class TaskRow(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one task or map item (`enrich[17]`) of a run; replaces the row before.

    States: pending running retrying succeeded failed skipped cancelled waiting. `due_at` is
    when a retry is due. `upstream` of a map's own row is unused. `items` of a map's own row
    is how many items it has. `attempts` are the failed attempts before this one, oldest
    first, as (started, finished, error) - only written when there are any. `progress` is how
    far the attempt says it is, (done, total); None leaves what was said of the same attempt.

    `cache_key` tells what a result depends on, where others may use it; `cached_from` is the run
    that a result was taken from.

    `earlier` of its attempts were before an operator had it run again: those do not count
    against `retries`. The store sets it, no row that is written changes it. A `pending` row is
    of a task that is to run again and has not begun.
    """

    name: str
    state: str
    attempt: int = 0
    started_at: int | None = None
    finished_at: int | None = None
    due_at: int | None = None
    result: Encoded | None = None
    error: ErrorInfo | None = None
    items: int | None = None
    progress: tuple[float, float] | None = None
    earlier: int = 0
    cache_key: str | None = None
    cached_from: str | None = None


class Cached(msgspec.Struct, frozen=True):
    """A result that was found before, and in which run."""

    value: Encoded
    run: str


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """What a task begins to wait for. Its time is over at `due_at`, None: never.

    `kind`: "sleep", "wait_for", "approve"; "timeout" and "deadline" of the run as a whole, whose
    `task` is "". An event must match `pattern`, and have come at `since` or later; None: after
    the run's own event. `by` is the path at which the pattern asks for a value of the run, if it
    does: it tells waits of one flow apart. `form` is the JSON schema of what an approval takes.
    """

    task: str
    kind: str
    due_at: int | None = None
    since: int | None = None
    pattern: Mapping[str, Any] | None = None
    by: tuple[str, ...] = ()
    title: str = ""
    form: Mapping[str, Any] | None = None


class WaitAnswer(msgspec.Struct, frozen=True):
    """What has ended a wait. `how`: "time" (its time was over), "event", "approved", "rejected",
    or `MARKED` and a state.

    `value` is the event, what was approved with, or what it is marked to give; `by` is who
    answered, or why it is marked.
    """

    how: str
    value: Encoded | None = None
    by: str = ""


class RunChange(msgspec.Struct, frozen=True, kw_only=True):
    """One atomic change of a run: task rows, outbox rows, state writes, its own state.

    Refused as stale (`Posted.stale`) unless `epoch` is the run's current one. A non-None
    `state` of succeeded/failed/cancelled/superseded ends the run. `failed_attempts` are
    kept as history: (task name, attempt, started, finished, error). `failed_tasks` names all
    failed tasks of a run that ends. `waits` begin, those of the tasks `over` are over; with the
    state "waiting" nothing is left of the run but waits.
    """

    run: str
    flow: str
    epoch: int
    state: str | None = None
    started_at: int | None = None
    finished_at: int | None = None
    result: Encoded | None = None
    error: ErrorInfo | None = None
    tasks: tuple[TaskRow, ...] = ()
    failed_attempts: tuple[tuple[str, int, int, int, ErrorInfo], ...] = ()
    outbox: tuple[OutMessage, ...] = ()
    state_writes: Mapping[str, bytes | None] = {}
    starts: tuple[StartRequest, ...] = ()
    failed_tasks: tuple[str, ...] = ()
    waits: tuple[Wait, ...] = ()
    over: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()


class StartRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An independent run asked for by `start(flow, params)`; `id` makes it happen once.

    `params` is a JSON object.
    """

    id: str
    flow: str
    params: bytes

    def decoded(self) -> dict[str, Any]:
        """The parameters as plain values."""
        return msgspec.json.decode(self.params, type=dict[str, Any])


class Posted(msgspec.Struct, frozen=True):
    """The outcome of one posted change: committed, stale (fenced off) or the store's error."""

    change: RunChange
    stale: bool = False
    error: Exception | None = None


class Journal(Protocol):
    """Where the engine's changes go.

    `post` returns at once; `done` is called on the service loop after the group's commit,
    in the order of posting. `state` is the flow's durable mapping as last committed
    (values are JSON).
    """

    def post(
        self, changes: Sequence[RunChange], done: Callable[[Sequence[Posted]], None]
    ) -> None: ...

    def state(self, flow: str) -> Mapping[str, bytes]: ...


class LogLine(msgspec.Struct, frozen=True):
    """One captured line of an attempt: `level` as logging's names, "PRINT" for stdout."""

    at: int
    level: str
    text: str


class LogSink(Protocol):
    """Takes captured lines; callable from any thread, never blocks, bounded per attempt."""

    def __call__(self, run: str, task: str, attempt: int, lines: Sequence[LogLine]) -> None: ...


class Artifacts(Protocol):
    """Content-addressed files; `put` returns only after file and folder are fsynced.

    Callable from any thread; names are SHA-256 in hex.
    """

    def put(self, content: bytes) -> str: ...

    def get(self, digest: str) -> bytes: ...

    def keep(self, source: bytes | Path, most: int) -> tuple[str, int]:
        """Keep a content, or that of a file, piece by piece; its name and size.

        Raises `TooLarge` beyond `most` bytes, OSError for a file that cannot be read.
        """
        ...

    def path(self, digest: str) -> Path:
        """Where a content lies as a file. Raises when it is not here."""
        ...

    @property
    def place(self) -> str:
        """The folder where contents lie, as `ab/cdef...`."""
        ...
