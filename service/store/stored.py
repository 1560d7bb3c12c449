"""Rows that can be read from a store, and which of them a list asks for; part of
`service.store.contract`. All times are int64 microseconds UTC."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from triphammer.flows.journal import Encoded, ErrorInfo, OutMessage, TaskRow, WaitAnswer
from triphammer.sensors.contract import Claim, DeadRecord
from triphammer.sensors.event import Event


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run. `event` is the event's key."""

    seq: int
    id: str
    flow: str
    version: str
    subscription: str
    state: str
    epoch: int
    event: str
    params: bytes
    lineage: tuple[str, ...]
    created_at: int
    started_at: int | None = None
    finished_at: int | None = None
    result: Encoded | None = None
    error: ErrorInfo | None = None
    order_key: str | None = None
    holds: bool = False
    parks: bool = True
    settled: str | None = None
    redrive_of: str | None = None
    crashes: int = 0
    retried: int = 0
    note: str = ""
    tags: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of what was given and what came out."""
        return len(self.params) + (0 if self.result is None else len(self.result.body))


class DeadEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that could not start a flow: its data misfit, or a predicate raised."""

    seq: int
    event: str
    subscription: str
    flow: str
    outcome: str
    detail: str | None
    at: int


class DeadRecordRow(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not become an event, and when that was found."""

    seq: int
    at: int
    record: DeadRecord


class FailedAttempt(msgspec.Struct, frozen=True):
    """An attempt that failed, kept as history."""

    task: str
    attempt: int
    started_at: int
    finished_at: int
    error: ErrorInfo


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored event and the place of its file, if a move has changed it."""

    seq: int
    event: Event
    catalog: str | None
    duplicates: int = 0
    size: int = 0
    """Bytes of the data."""


class Background(msgspec.Struct, frozen=True):
    """What a run begins or goes on with: its event, None if it is gone, its tasks so far, and
    the answers to waits that it has not taken yet."""

    event: EventRow | None
    tasks: tuple[TaskRow, ...]
    answers: Mapping[str, WaitAnswer] = {}


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the outbox. State: pending, delivered, dead, skipped (dead and given up).

    `attempts` count from its last redrive. `redriven_at`: that, or since when it is tried.
    `dead_at`: since when it is dead.
    """

    seq: int
    message: OutMessage
    run: str
    flow: str
    state: str
    attempts: int
    created_at: int
    due_at: int
    error: str | None = None
    dead_at: int | None = None
    redriven_at: int | None = None
    size: int = 0
    """Bytes that it takes."""


class DeadPage(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters: newest first by (time of death, id), `before` such a pair."""

    limit: int = 50
    before: tuple[int, str] | None = None
    flow: str | None = None
    target: str | None = None
    since: int | None = None
    until: int | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A target that has refused all further messages."""

    target: str
    disabled_at: int
    reason: str


class DueClaim(msgspec.Struct, frozen=True):
    """A file move whose runs have all ended; `failed` if any of them failed."""

    event: str
    claim: Claim
    failed: bool


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a list: newest first, `before` is a `seq` to go on from (exclusive).

    The list of events or runs ends early with the row that brings their `size` to `bytes`.
    """

    limit: int = 50
    bytes: int | None = None
    before: int | None = None
    flow: str | None = None
    state: str | None = None
    type: str | None = None
    source: str | None = None
    since: int | None = None
    until: int | None = None
    event: str | None = None
    tag: str | None = None
