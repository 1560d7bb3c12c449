"""Units and rows of backfills; part of `service.store.contract`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

Order = Literal["oldest", "newest"]
Only = Literal["missing", "failed"]
TICK_STATES = ("pending", "running", "succeeded", "failed", "cancelled", "superseded", "skipped")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked to be filled in: the ticks from `begin` to `end`, both included, in
    microseconds UTC, at most `max_parallel` runs at a time."""

    flow: str
    begin: int
    end: int
    order: Order = "oldest"
    only: Only | None = None
    again: bool = False
    max_parallel: int = 1


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A tick of a backfill. States: pending, running (it has a run, which may wait for a
    place), then how the run ended, or skipped: no run was made, and `detail` says why.

    `redo` is the run that ran it before, if any; `start` is where its interval begins.
    """

    due: int
    start: int
    state: str
    redo: str | None = None
    run: str | None = None
    detail: str | None = None


class AddBackfill(msgspec.Struct, frozen=True, kw_only=True):
    """A backfill with all its ticks. One with nothing to run has ended at once.

    Outcome: False when its idempotency `key` came before, and nothing is stored.
    """

    id: str
    asked: Asked
    ticks: tuple[Tick, ...]
    at: int
    key: str | None = None


class FilledTick(msgspec.Struct, frozen=True, kw_only=True):
    """Which tick of which backfill becomes a run; see `Tick`.

    `epoch` is that in which the run before was looked at; None: whichever. `again`: also where
    that one has succeeded.
    """

    backfill: str
    due: int
    redo: str | None = None
    epoch: int | None = None
    again: bool = False


class SettleTicks(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of these ticks, by due time, have ended in these states. A backfill with nothing
    pending or running left has ended. Outcome: whether it has."""

    backfill: str
    states: Mapping[int, str]
    at: int


class CancelBackfill(msgspec.Struct, frozen=True, kw_only=True):
    """Begin no more ticks of a backfill. Outcome: False when it has ended."""

    backfill: str
    at: int


class PruneBackfills(msgspec.Struct, frozen=True, kw_only=True):
    """Forget one backfill that ended before `before`. Outcome: how many there were (0, 1)."""

    before: int


class BackfillRow(msgspec.Struct, frozen=True, kw_only=True):
    """A backfill. States: running, succeeded (no run ended otherwise), failed, cancelled.

    `ticks` counts them by state. `finished_at`: nothing of it is under way any more.
    """

    seq: int
    id: str
    asked: Asked
    state: str
    created_at: int
    finished_at: int | None
    ticks: Mapping[str, int]

    @property
    def size(self) -> int:
        """Bytes, about."""
        return 200


class TickRun(msgspec.Struct, frozen=True):
    """The newest run of a tick that has come; none if it made none, or it is kept no more."""

    run: str | None
    state: str | None


class BackfillReads(Protocol):
    """What a store tells of backfills."""

    async def backfill(self, id: str) -> BackfillRow | None: ...
    async def backfill_of_key(self, key: str) -> BackfillRow | None: ...
    async def backfills(
        self, *, limit: int, before: int | None = None, flow: str | None = None
    ) -> Sequence[BackfillRow]:
        """Newest first."""
        ...

    async def open_backfills(self) -> Sequence[BackfillRow]:
        """Those of which something is pending or under way, oldest first; their ticks are not
        counted: it is asked whenever a run has ended."""
        ...

    async def ticks(
        self, backfill: str, *, state: str | None = None, after: int | None = None, limit: int = 500
    ) -> Sequence[Tick]:
        """In order of their due times, later than `after`."""
        ...

    async def pending_ticks(self, backfill: str, order: Order, limit: int) -> Sequence[Tick]:
        """Those to begin next."""
        ...

    async def begun_ticks(self, backfill: str) -> Mapping[int, str | None]:
        """By due time the state of the run of each tick whose run was not seen to end; None
        where it is kept no more."""
        ...

    async def tick_runs(self, flow: str, source: str, ids: Sequence[str]) -> Mapping[str, TickRun]:
        """What became of ticks, by id; those that never came are not in it."""
        ...
