"""What pages show of many rows: totals, statistics of flows, grids, searches.

None of these reads counts a table or looks through it: triggers keep the counts (schema 0014),
indexes give the last so many, and a search says how far back it has looked.

- `run_counts`, `queued_counts`, `outbox_counts`: how many are in which state
- `flow_stats`: the last runs of flows, their success rate and how long they took
- `daily_counts`: how the runs of a flow have ended, day by day
- `task_grid`: the last runs of a flow with the state of each of their tasks
- `grid_of`: the same of runs by id
- `some_positions`: where a sensor is
- `last_failures`: what has failed of late, of all flows or of one
- `outbox_page`: messages by state, kind, target and flow
- `search_events`: events by type, source, subject and text of their data
- `size`: of the database, in bytes and rows
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from triphammer.service.store.stored import EventRow, OutboxRow, RunRow

EXAMINED = 10_000
"""Events that one search looks at, at most."""
EXAMINED_BYTES = 16_000_000
"""Bytes of their data that it looks at, at most; one event more than that is looked at all the
same."""
MICROSECOND = 1_000_000


class RecentRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as charts show it."""

    id: str
    state: str
    created_at: int
    started_at: int | None = None
    finished_at: int | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took; None: it has not begun or not ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at) / MICROSECOND


class FlowStats(msgspec.Struct, frozen=True):
    """The last runs of a flow that have ended, those that ended last first."""

    ended: tuple[RecentRun, ...] = ()

    @property
    def success_rate(self) -> float | None:
        """Of those that succeeded or failed the share that succeeded; None: there are none."""
        done = [run for run in self.ended if run.state in ("succeeded", "failed")]
        if not done:
            return None
        return sum(run.state == "succeeded" for run in done) / len(done)

    def duration(self, share: float) -> float | None:
        """Seconds that `share` of those that succeeded did not exceed."""
        took = sorted(
            run.seconds
            for run in self.ended
            if run.state == "succeeded" and run.seconds is not None
        )
        return took[min(len(took) - 1, int(share * len(took)))] if took else None


class DayCount(msgspec.Struct, frozen=True):
    """How many runs that were made on a day (UTC, days since 1970) have ended in a state. They
    count although the runs are removed meanwhile."""

    day: int
    state: str
    runs: int


class GridTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task in a grid; `items` of a map and how many of them failed."""

    name: str
    state: str
    attempt: int
    started_at: int | None = None
    finished_at: int | None = None
    items: int | None = None
    failed_items: int = 0


class GridRun(msgspec.Struct, frozen=True):
    """A run in a grid: the first of its tasks, in the order in which they began."""

    number: int
    flow: str
    version: str
    run: RecentRun
    tasks: tuple[GridTask, ...]


class OutboxPage(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages: newest first, `before` is a `seq`. The list ends early with the row that
    brings their `size` to `bytes`."""

    limit: int = 50
    bytes: int | None = None
    before: int | None = None
    state: str | None = None
    kind: str | None = None
    target: str | None = None
    flow: str | None = None


class EventSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Which events: newest first, `before` is a `seq`. `subject` is the beginning of theirs,
    `text` stands in their data as it was received, without regard to the case of a to z.

    The list ends early with the row that brings the data of all of them to `bytes`.
    """

    limit: int = 50
    bytes: int | None = None
    before: int | None = None
    type: str | None = None
    source: str | None = None
    subject: str | None = None
    text: str | None = None
    since: int | None = None
    until: int | None = None
    examine: int = EXAMINED
    examine_bytes: int = EXAMINED_BYTES

    @property
    def is_list(self) -> bool:
        """Whether an index gives just these events: a list is complete, page by page."""
        one_of_them = self.type is None or self.source is None
        return self.subject is None and self.text is None and one_of_them


class EventsFound(msgspec.Struct, frozen=True, kw_only=True):
    """What a search has found. `before` is where to go on, None: that is all. `searched_to` is when
    the oldest event came that was looked at, None: there were none, or an index knew which fit."""

    events: Sequence[EventRow]
    before: int | None
    searched_to: int | None


class StoreSize(msgspec.Struct, frozen=True, kw_only=True):
    """How large the database is. `free` bytes are used again before it grows. Of `tasks` only
    about how many there are is known."""

    bytes: int
    free: int
    schema: int
    events: int
    runs: int
    tasks: int
    messages: int
    oldest_event_at: int | None
    oldest_run_at: int | None


class LookingReads(Protocol):
    """A part of `Store`."""

    async def queued_counts(self) -> Mapping[str, int]:
        """For each flow: how many runs are queued."""
        ...

    async def run_counts(self) -> Mapping[str, Mapping[str, int]]:
        """For each flow: how many runs are in which state."""
        ...

    async def outbox_counts(self) -> Mapping[str, int]:
        """How many messages are in which state."""
        ...

    async def flow_stats(self, flows: Sequence[str], last: int = 30) -> Mapping[str, FlowStats]:
        """Of each of `flows` the `last` runs that have ended."""
        ...

    async def daily_counts(self, flow: str, since: int) -> Sequence[DayCount]:
        """By day, from the day `since` on (microseconds), at most 400 days back."""
        ...

    async def task_grid(
        self, flow: str, *, runs: int = 30, tasks: int = 300, before: int | None = None
    ) -> Sequence[GridRun]:
        """The newest `runs` of a flow, before a number if one is given, with at most so many
        `tasks` each, maps as one."""
        ...

    async def grid_of(self, runs: Sequence[str], tasks: int = 300) -> Sequence[GridRun]:
        """The same of runs by id, in their order; those that are not stored are left out."""
        ...

    async def some_positions(self, sensor: str, limit: int) -> Mapping[str, str]:
        """The first `limit` positions of a sensor: it may have one for each of many files."""
        ...

    async def last_failures(
        self, limit: int, *, flow: str | None = None, since: int | None = None
    ) -> Sequence[RunRow]:
        """Failed runs, those that failed last first, whether somebody has dealt with them or
        not. Of one flow they are looked for among its last 1,000 that have ended."""
        ...

    async def outbox_page(self, page: OutboxPage) -> Sequence[OutboxRow]:
        """Messages of the outbox, newest first."""
        ...

    async def search_events(self, asked: EventSearch) -> EventsFound:
        """Events that fit; at most so many are looked at, so that a page may be empty and yet
        not the last."""
        ...

    async def size(self) -> StoreSize:
        """How large the database is now."""
        ...
