"""The named reads of what pages show of many rows."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from triphammer.service.store.looking import (
    DayCount,
    EventSearch,
    EventsFound,
    FlowStats,
    GridRun,
    GridTask,
    OutboxPage,
    RecentRun,
    StoreSize,
)
from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.pages import LAST_TEXT, event_page, event_search, outbox_page
from triphammer.service.store.sqlite.readers import Readers, read
from triphammer.service.store.sqlite.statements import statements
from triphammer.service.store.stored import EventRow, OutboxRow, Page, RunRow

DAY = 86_400_000_000
GLANCE = 500
"""Events that a search looks at first."""
ENDED_SEARCHED = 1_000
"""Runs of a flow among which its failures are looked for."""
_numbers = msgspec.json.Decoder(list[int]).decode


class SqliteLooking:
    """See `service.store.looking.LookingReads`."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._looking = statements("looking.sql")

    async def queued_counts(self) -> Mapping[str, int]:
        return dict(map(tuple, await self._readers.rows(self._looking["queued_counts"])))

    async def run_counts(self) -> Mapping[str, Mapping[str, int]]:
        counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for flow, state, runs in await self._readers.rows(self._looking["run_counts"]):
            counts[flow][state] = runs
        return dict(counts)

    async def outbox_counts(self) -> Mapping[str, int]:
        return dict(map(tuple, await self._readers.rows(self._looking["outbox_counts"])))

    async def flow_stats(self, flows: Sequence[str], last: int = 30) -> Mapping[str, FlowStats]:
        found = await self._readers.rows(self._looking["last_ended"], _json(flows), last)
        ended: defaultdict[str, list[RecentRun]] = defaultdict(list)
        for row in found:
            ended[row["flow"]].append(_recent(row))
        return {flow: FlowStats(tuple(ended[flow])) for flow in flows}

    async def daily_counts(self, flow: str, since: int) -> Sequence[DayCount]:
        found = await self._readers.rows(self._looking["daily_counts"], flow, since // DAY)
        return [DayCount(*row) for row in found]

    async def task_grid(
        self, flow: str, *, runs: int = 30, tasks: int = 300, before: int | None = None
    ) -> Sequence[GridRun]:
        newest = ("newest_of_flow", (flow, before, runs))
        return await self._readers.at_once(partial(self._grid, newest, tasks))

    async def grid_of(self, runs: Sequence[str], tasks: int = 300) -> Sequence[GridRun]:
        named = ("runs_in_short", (_json(runs),))
        return await self._readers.at_once(partial(self._grid, named, tasks))

    async def some_positions(self, sensor: str, limit: int) -> Mapping[str, str]:
        found = await self._readers.rows(self._looking["some_positions"], sensor, limit)
        return {row["key"]: row["value"] for row in found}

    def _grid(
        self, which: tuple[str, Sequence[Any]], tasks: int, raw: sqlite3.Connection
    ) -> Sequence[GridRun]:
        sql = self._looking
        newest = read(raw, sql[which[0]], which[1])
        numbers = _json([row["seq"] for row in newest])
        failed = {(r[0], r[1]): r[2] for r in read(raw, sql["failed_items"], (numbers,))}
        cells: defaultdict[int, list[GridTask]] = defaultdict(list)
        for row in read(raw, sql["grid_tasks"], (numbers, tasks)):
            count = failed.get((row["run"], row["name"]), 0)
            cells[row["run"]].append(_cell(row, count))
        return [
            GridRun(
                number=row["seq"],
                flow=row["flow"],
                version=row["version"],
                run=_recent(row),
                tasks=tuple(cells[row["seq"]]),
            )
            for row in newest
        ]

    async def last_failures(
        self, limit: int, *, flow: str | None = None, since: int | None = None
    ) -> Sequence[RunRow]:
        if flow is None:
            found = await self._readers.rows(self._looking["last_failures"], limit, since)
        else:
            values = (limit, since, flow, ENDED_SEARCHED)
            found = await self._readers.rows(self._looking["last_failures_of_flow"], *values)
        return [rows.run_row(row) for row in found]

    async def outbox_page(self, page: OutboxPage) -> Sequence[OutboxRow]:
        sql, values = outbox_page(page)
        found = await self._readers.listed(sql, values, ["message"], page.bytes)
        return [rows.outbox_row(row) for row in found]

    async def search_events(self, asked: EventSearch) -> EventsFound:
        if asked.is_list:
            return await self._list(asked)
        if asked.examine > GLANCE:
            # What is frequent is found among the last few.
            glance = msgspec.structs.replace(asked, examine=GLANCE)
            found = await self._readers.at_once(partial(self._search, glance))
            if found.before is None or len(found.events) == asked.limit:
                return found
        return await self._readers.at_once(partial(self._search, asked))

    async def _list(self, asked: EventSearch) -> EventsFound:
        page = Page(
            limit=asked.limit + 1,
            bytes=asked.bytes,
            before=asked.before,
            type=asked.type,
            source=asked.source,
            since=asked.since,
            until=asked.until,
        )
        sql, values = event_page(page)
        listed = await self._readers.listed(sql, values, ["data"], asked.bytes)
        events = [rows.event_row(row) for row in listed[: asked.limit]]
        size = sum(row.size for row in events)
        more = len(listed) > len(events) or (asked.bytes is not None and size >= asked.bytes)
        before = events[-1].seq if more else None
        return EventsFound(events=events, before=before, searched_to=None)

    def _search(self, asked: EventSearch, raw: sqlite3.Connection) -> EventsFound:
        sql, values = event_search(asked, by_subject=self._has_few(asked, raw))
        (found,) = read(raw, sql, values)
        fitting = sorted(_numbers(found["fitting"]), reverse=True)
        numbers, more = fitting[: asked.limit], len(fitting) > asked.limit
        events: list[EventRow] = []
        left = asked.bytes
        for row in read(raw, self._looking["events_numbered"], (_json(numbers),)):
            events.append(rows.event_row(row))
            if left is not None:
                left -= events[-1].size
                if left <= 0:
                    break
        if more or len(events) < len(numbers):
            last = events[-1]
            at = rows.micros_of(last.event.received_at)
            return EventsFound(events=events, before=last.seq, searched_to=at)
        is_last = found["walked"] < asked.examine and found["examined"] == found["walked"]
        return EventsFound(
            events=events,
            before=None if is_last else found["oldest"],
            searched_to=found["searched_to"],
        )

    def _has_few(self, asked: EventSearch, raw: sqlite3.Connection) -> bool:
        """Whether the events with such a subject are so few that all of them are looked at."""
        if asked.subject is None:
            return False
        values = (asked.subject, asked.subject + LAST_TEXT, asked.examine - 1)
        return bool(read(raw, self._looking["with_subject"], values)[0][0])

    async def size(self) -> StoreSize:
        (row,) = await self._readers.rows(self._looking["size"])
        return StoreSize(**dict(row))


def _recent(row: sqlite3.Row) -> RecentRun:
    return RecentRun(
        id=row["id"],
        state=row["state"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )


def _cell(row: sqlite3.Row, failed_items: int) -> GridTask:
    return GridTask(
        name=row["name"],
        state=row["state"],
        attempt=row["attempt"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        items=row["items"],
        failed_items=failed_items,
    )


def _json(values: Sequence[str] | Sequence[int]) -> str:
    return msgspec.json.encode(list(values)).decode()
