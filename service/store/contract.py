"""What a store is: `commit(units) -> outcomes` plus named reads.

No connection and no SQL leave it, so that another engine can follow. All times are int64
microseconds UTC; every row has a `seq` given at commit, which orders and pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from triphammer.flows.journal import (
    RunChange,
)
from triphammer.sensors.contract import Accepted, Claim, DeadRecord
from triphammer.sensors.event import Event
from triphammer.service.store.access import AccessUnit, AuditPage, AuditRow, TokenRow
from triphammer.service.store.backfills import AddBackfill as AddBackfill
from triphammer.service.store.backfills import BackfillReads, FilledTick
from triphammer.service.store.backfills import CancelBackfill as CancelBackfill
from triphammer.service.store.backfills import PruneBackfills as PruneBackfills
from triphammer.service.store.backfills import SettleTicks as SettleTicks
from triphammer.service.store.deliveries import BringForward as BringForward
from triphammer.service.store.deliveries import DeliveryReads
from triphammer.service.store.deliveries import DisableEndpoint as DisableEndpoint
from triphammer.service.store.deliveries import EnableEndpoint as EnableEndpoint
from triphammer.service.store.deliveries import OutboxResult as OutboxResult
from triphammer.service.store.deliveries import RedriveMessage as RedriveMessage
from triphammer.service.store.deliveries import SkipMessage as SkipMessage
from triphammer.service.store.looking import LookingReads
from triphammer.service.store.operator_units import OperationRow, OperatorUnit
from triphammer.service.store.results import ResultReads
from triphammer.service.store.run_reads import RunReads
from triphammer.service.store.stored import Background as Background
from triphammer.service.store.stored import DeadEvent as DeadEvent
from triphammer.service.store.stored import DeadPage as DeadPage
from triphammer.service.store.stored import DeadRecordRow as DeadRecordRow
from triphammer.service.store.stored import DueClaim as DueClaim
from triphammer.service.store.stored import Endpoint as Endpoint
from triphammer.service.store.stored import EventRow as EventRow
from triphammer.service.store.stored import FailedAttempt as FailedAttempt
from triphammer.service.store.stored import OutboxRow as OutboxRow
from triphammer.service.store.stored import Page as Page
from triphammer.service.store.stored import RunRow as RunRow
from triphammer.service.store.versions import (
    SaveCatalog,
    SaveVersion,
    ServedRow,
    SetServing,
    VersionRow,
)
from triphammer.service.store.waits import AnswerWait as AnswerWait
from triphammer.service.store.waits import LookedBack as LookedBack
from triphammer.service.store.waits import WaitReads
from triphammer.service.store.waits import WakeDue as WakeDue

ENDED = ("succeeded", "failed", "cancelled", "superseded")
DEAD = ("dead-lettered", "error")
"""Outcomes of an event that somebody must deal with: redrive it or skip it."""


# --- units: what can be committed -------------------------------------------------------


class Disposition(msgspec.Struct, frozen=True):
    """The outcome of an event for a subscription; `filtered` ones are not stored as rows.

    Outcomes: ran, filtered, duplicate, error, loop, paused (the run waits), dead-lettered,
    skipped (another run was under way; or by an operator).
    """

    subscription: str
    flow: str
    outcome: str
    detail: str | None = None
    run: str | None = None


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run to create, `queued`. `lineage`: flows that caused it, oldest first, itself last.

    Runs of one flow and `order_key` go one after the other; None: beside all others. A failed
    one keeps its key until it is dealt with, if it `parks`. One that is to be `alone` is not
    made while another of its flow, and of its key if it has one, has not ended: the event's
    disposition then is `skipped`.
    """

    id: str
    flow: str
    version: str
    subscription: str
    params: bytes
    created_at: int
    lineage: tuple[str, ...] = ()
    order_key: str | None = None
    parks: bool = True
    alone: bool = False


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """An event with everything that its acceptance brings about.

    Its runs run on it, or on `runs_on`, an event that is stored already.
    """

    event: Event
    dispositions: tuple[Disposition, ...] = ()
    runs: tuple[NewRun, ...] = ()
    claim: Claim | None = None
    runs_on: Event | None = None


class Accept(msgspec.Struct, frozen=True, kw_only=True):
    """Events, their dispositions and runs, the sensor's positions, dead records: all or none.

    A known `(source, id)` is a duplicate: its decisions are dropped, its counter goes up. A
    `runs_on` that is not stored (any more) fails the unit with `UnknownEvent`.
    Outcome: `tuple[Accepted, ...]`, one an event, in order.
    """

    decided: tuple[Decided, ...] = ()
    sensor: str = ""
    positions: Mapping[str, str | None] = {}
    dead: tuple[DeadRecord, ...] = ()
    catalog: str | None = None
    received_at: int = 0


class FillTick(msgspec.Struct, frozen=True, kw_only=True):
    """A tick of a backfill, and the event and run that it becomes.

    Outcome: what became of the event; nothing when the tick is not pending any more, when it is
    skipped since another run of it came or the one before went on meanwhile, and (it is pending
    still) when that one is in another epoch.
    """

    tick: FilledTick
    decided: Decided
    catalog: str | None = None
    at: int = 0


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a run by the engine, with the events that its end brings about.

    Outcome: `Stale` if the epoch is old or the run has ended, else `tuple[Accepted, ...]`.
    When the run ends, the claims of its event whose other runs have all ended become due
    (failed if any of them failed).
    """

    change: RunChange
    caused: tuple[Decided, ...] = ()
    catalog: str | None = None
    at: int = 0


class Stale(msgspec.Struct, frozen=True):
    """The change was fenced off: nothing of it was stored."""


class ClaimMoved(msgspec.Struct, frozen=True, kw_only=True):
    """A due file move was carried out (`moved_to`), or left alone for the `reason` given."""

    event: str
    moved_to: str | None
    reason: str | None = None


class SetPaused(msgspec.Struct, frozen=True, kw_only=True):
    """Pause or resume a flow."""

    flow: str
    paused: bool
    at: int


class PauseSensor(msgspec.Struct, frozen=True, kw_only=True):
    """Pause or resume a sensor, also one that there is not. Outcome: whether that is news."""

    sensor: str
    paused: bool
    at: int


class WriteState(msgspec.Struct, frozen=True, kw_only=True):
    """Write keys of a flow's durable mapping from outside a run; None deletes.

    Outcome: False, and nothing is written, where a key of `expected` does not have just this
    value (None: is not there).
    """

    flow: str
    writes: Mapping[str, bytes | None]
    expected: Mapping[str, bytes | None] = {}


class ClaimRun(msgspec.Struct, frozen=True, kw_only=True):
    """Take a queued or unfinished run: epoch + 1. Outcome: its new epoch, None if ended."""

    run: str
    owner: str


class PruneEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Remove the events of one window that came before `before`, with their dispositions,
    runs, tasks, attempts and delivered messages. Outcome: `Pruned`.

    Only events whose work is done go: every run ended before `before`, failed ones (dead
    letters) before `failed_before`; no message is pending or dead, no file is to be moved. With
    `keep` the window is by number instead of by age: all but the newest so many; with `newest`
    it is by age among these. `after` is where the last window ended. `dry` only counts.
    """

    before: int
    failed_before: int = 0
    keep: int | None = None
    newest: int | None = None
    after: tuple[int, int] = (0, 0)
    limit: int = 50
    dry: bool = False


class PruneIdentities(msgspec.Struct, frozen=True, kw_only=True):
    """Forget the identities of one window that were last seen before `before` and whose event
    is gone. Outcome: `Pruned`."""

    before: int
    after: tuple[int, int] = (0, 0)
    limit: int = 1000
    dry: bool = False


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What one window lost: `rows` events or identities, and `runs` by id. `after` is where
    to go on, None at the end."""

    rows: int
    runs: tuple[str, ...] = ()
    after: tuple[int, int] | None = None


class Crashed(msgspec.Struct, frozen=True):
    """The daemon crashed while these runs were under way. Outcome: how many are still open."""

    runs: tuple[str, ...]


class RedriveRun(msgspec.Struct, frozen=True, kw_only=True):
    """Let `new` run in the place of a dead letter, on the same event.

    `epoch` is that in which it was looked at; None: whichever. Outcome: False when `run` is no
    dead letter (any more) or in another epoch, and nothing is stored.
    """

    run: str
    new: NewRun
    epoch: int | None = None


class RedriveEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Let `new` run for an event that could not start its flow. Outcome as `RedriveRun`."""

    event: str
    subscription: str
    new: NewRun


class SkipRun(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing more is done about a dead letter. `epoch` and outcome as `RedriveRun`."""

    run: str
    epoch: int | None = None


class SkipRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Forget a record that could not become an event. Outcome: False when it is not there."""

    seq: int


class SkipEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing more is done about an event that could not start its flow. Outcome as above."""

    event: str
    subscription: str


Unit = (
    Accept
    | FillTick
    | AddBackfill
    | SettleTicks
    | CancelBackfill
    | PruneBackfills
    | Progress
    | OutboxResult
    | RedriveMessage
    | SkipMessage
    | DisableEndpoint
    | EnableEndpoint
    | BringForward
    | ClaimMoved
    | SaveVersion
    | SaveCatalog
    | SetServing
    | SetPaused
    | PauseSensor
    | WriteState
    | ClaimRun
    | PruneEvents
    | PruneIdentities
    | Crashed
    | RedriveRun
    | RedriveEvent
    | SkipRun
    | SkipEvent
    | SkipRecord
    | AccessUnit
    | OperatorUnit
    | AnswerWait
    | WakeDue
    | LookedBack
)
Outcome = tuple[Accepted, ...] | Stale | Pruned | bool | int | None | Exception
"""A unit that failed alone (its savepoint was rolled back) yields its exception."""


class Store(BackfillReads, WaitReads, ResultReads, DeliveryReads, LookingReads, RunReads, Protocol):
    """One writer with group commit, many readers.

    `commit` returns after the fsync; the units of one call share a group but each stands or
    falls alone. `post` is the same without waiting: `done` is called on the loop, in the
    order of posting. Both raise/report `StoreUnavailable` when the outcome of a commit is
    unknown; the daemon then closes, reopens and rebuilds all memory.
    """

    async def commit(self, units: Sequence[Unit]) -> Sequence[Outcome]: ...

    def post(self, units: Sequence[Unit], done: Callable[[Sequence[Outcome]], None]) -> None: ...

    async def answer(self) -> None:
        """Return when the writer has had its turn after all that was posted before; it writes
        nothing. Also returns when the writer has given up, which it said by itself."""
        ...

    async def positions(self, sensor: str) -> Mapping[str, str]: ...
    async def event(self, key: str) -> EventRow | None: ...
    async def event_by_id(self, source: str, id: str) -> EventRow | None: ...
    async def events(self, page: Page) -> Sequence[EventRow]: ...
    async def dispositions(self, event: str) -> Sequence[Disposition]: ...
    async def run(self, id: str) -> RunRow | None: ...
    async def runs(self, page: Page) -> Sequence[RunRow]: ...
    async def find(self, prefix: str) -> Sequence[str]:
        """Ids of runs, events and messages that begin with `prefix` (at most 10)."""
        ...

    async def item_counts(self, run: str) -> Mapping[str, Mapping[str, int]]:
        """For each map of the run: how many of its items are in which state."""
        ...

    async def failed_attempts(self, run: str) -> Sequence[FailedAttempt]: ...
    async def holder(self, flow: str, key: str) -> tuple[str, str] | None:
        """Whose turn an order key is: the run and its state."""
        ...

    async def operations(self, run: str) -> Sequence[OperationRow]:
        """What operators have done to a run, the oldest first."""
        ...

    async def unfinished(self) -> Sequence[RunRow]:
        """Runs that an engine had taken, that have not ended, and that do not wait either."""
        ...

    async def ready(self, flow: str, limit: int) -> Sequence[RunRow]:
        """Queued runs of `flow` that wait for nobody but a place, oldest first: those without
        an order key, and of each key the first run that holds it."""
        ...

    async def backgrounds(self, runs: Sequence[RunRow]) -> Sequence[Background]:
        """What `runs` need to begin or go on, each in its place; one read for all of them."""
        ...

    async def runs_named(self, ids: Sequence[str]) -> Sequence[RunRow]:
        """Those of `ids` that are stored, in the order they came."""
        ...

    async def events_between(
        self, first: int, upto: int, type: str | None, limit: int
    ) -> Sequence[EventRow]:
        """Events by their numbers, both included, oldest first; of one type if it is given."""
        ...

    async def held_keys(self) -> Sequence[tuple[str, str, int]]:
        """Flow, order key and how many runs hold it."""
        ...

    async def dead_runs(self, page: Page) -> Sequence[RunRow]:
        """Failed runs that were neither redriven nor skipped, newest first."""
        ...

    async def dead_events(self, page: Page) -> Sequence[DeadEvent]:
        """Events that could not start a flow, and were neither redriven nor skipped."""
        ...

    async def paused(self) -> Sequence[str]: ...
    async def paused_sensors(self) -> Mapping[str, int]:
        """The paused sensors by id, and since when."""
        ...

    async def flow_state(self, flow: str) -> Mapping[str, bytes]: ...
    async def outbox_due(self, now: int, limit: int) -> Sequence[OutboxRow]:
        """Pending messages due at `now`, in commit order, of each (target, key) only the
        first; those behind a pending or dead message of the same target and key wait. Of more
        than `limit` those that have been due for the longest."""
        ...

    async def outbox_next_due(self) -> int | None: ...
    async def outbox(self, *, run: str | None = None, limit: int = 100) -> Sequence[OutboxRow]: ...
    async def dead_messages(self, page: DeadPage) -> Sequence[OutboxRow]: ...
    async def message(self, id: str) -> OutboxRow | None: ...
    async def endpoints(self) -> Sequence[Endpoint]:
        """The disabled ones, by target."""
        ...

    async def claims_due(self, limit: int) -> Sequence[DueClaim]: ...
    async def version(self, flow: str, version: str) -> VersionRow | None: ...
    async def versions(self, flow: str) -> Sequence[VersionRow]:
        """All versions of a flow, without their sources, the newest first."""
        ...

    async def versions_named(self, prefix: str) -> Sequence[VersionRow]:
        """One flow of each version whose name begins with `prefix` (at most 10)."""
        ...

    async def served(self) -> Sequence[ServedRow]: ...
    async def catalog(self, id: str) -> bytes | None: ...
    async def dead_records(self, page: Page) -> Sequence[DeadRecordRow]:
        """Records that could not become events and were not skipped, newest first."""
        ...

    async def most_attempts(self, runs: Sequence[str]) -> Mapping[str, int]:
        """Of each of `runs` that has failed tasks, the most attempts that one of them has had."""
        ...

    async def known_runs(self, ids: Sequence[str]) -> Sequence[str]:
        """Those of `ids` that are stored."""
        ...

    async def artifacts_named(self, digests: Sequence[str]) -> Sequence[str]:
        """Those of `digests` that some row names."""
        ...

    async def tokens(self) -> Sequence[TokenRow]: ...
    async def audit(self, page: AuditPage) -> Sequence[AuditRow]: ...
    async def folder_id(self) -> str:
        """The stable id of the data folder, made with the schema."""
        ...
