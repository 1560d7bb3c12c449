"""The store: the writer and the named reads behind one contract."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
from anyio.abc import TaskStatus

from triphammer.flows.journal import Cached, Kept, TaskRow
from triphammer.service.store.access import AuditPage, AuditRow, TokenRow
from triphammer.service.store.contract import (
    Background,
    DeadEvent,
    DeadPage,
    DeadRecordRow,
    Disposition,
    DueClaim,
    Endpoint,
    EventRow,
    FailedAttempt,
    OutboxRow,
    Outcome,
    Page,
    RunRow,
    Unit,
)
from triphammer.service.store.operator_units import OperationRow
from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.access import audit_rows, token_rows
from triphammer.service.store.sqlite.backfills import SqliteBackfills
from triphammer.service.store.sqlite.backgrounds import backgrounds
from triphammer.service.store.sqlite.looking import SqliteLooking
from triphammer.service.store.sqlite.pages import (
    LAST_TEXT,
    dead_event_page,
    dead_page,
    dead_run_page,
    event_page,
    run_page,
)
from triphammer.service.store.sqlite.readers import Readers
from triphammer.service.store.sqlite.run_reads import SqliteRunReads
from triphammer.service.store.sqlite.waiting import SqliteWaits
from triphammer.service.store.sqlite.writer import Writer
from triphammer.service.store.versions import ServedRow, VersionRow
from triphammer.service.store.waits import Woken


class SqliteStore(SqliteBackfills, SqliteWaits, SqliteLooking, SqliteRunReads):
    """See `service.store.contract.Store`. `run` must run for anything to be committed."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        SqliteBackfills.__init__(self, readers)
        SqliteWaits.__init__(self, readers)
        SqliteLooking.__init__(self, readers)
        SqliteRunReads.__init__(self, readers)
        self._writer = writer

    async def run_writer(self, *, task_status: TaskStatus[None]) -> None:
        """Commit until cancelled or closed."""
        await self._writer.run(task_status=task_status)

    def close(self) -> None:
        """End `run_writer` once everything that has queued is committed."""
        self._writer.close()

    async def commit(self, units: Sequence[Unit]) -> Sequence[Outcome]:
        return await self._writer.commit(units)

    def post(self, units: Sequence[Unit], done: Callable[[Sequence[Outcome]], None]) -> None:
        self._writer.post(units, done)

    def listen(self, woken: Callable[[Sequence[Woken]], None]) -> None:
        self._writer.listen(woken)

    async def answer(self) -> None:
        await self._writer.answer()

    async def positions(self, sensor: str) -> Mapping[str, str]:
        found = await self._readers.rows(self._sql["positions"], sensor)
        return {row["key"]: row["value"] for row in found}

    async def event(self, key: str) -> EventRow | None:
        found = await self._readers.rows(self._sql["event"], key)
        return rows.event_row(found[0]) if found else None

    async def event_by_id(self, source: str, id: str) -> EventRow | None:
        found = await self._readers.rows(self._sql["event_key"], source, id)
        return await self.event(found[0]["event"]) if found else None

    async def events(self, page: Page) -> Sequence[EventRow]:
        sql, values = event_page(page)
        found = await self._readers.listed(sql, values, ["data"], page.bytes)
        return [rows.event_row(row) for row in found]

    async def dispositions(self, event: str) -> Sequence[Disposition]:
        found = await self._readers.rows(self._sql["dispositions"], event)
        return [Disposition(*row) for row in found]

    async def run(self, id: str) -> RunRow | None:
        found = await self._readers.rows(self._sql["run"], id)
        return rows.run_row(found[0]) if found else None

    async def runs(self, page: Page) -> Sequence[RunRow]:
        sql, values = run_page(page)
        found = await self._readers.listed(sql, values, ["params", "result"], page.bytes)
        return [rows.run_row(row) for row in found]

    async def find(self, prefix: str) -> Sequence[str]:
        found = await self._readers.rows(self._sql["find"], prefix, prefix + LAST_TEXT)
        return [row[0] for row in found]

    async def tasks(
        self,
        run: str,
        *,
        after: str | None = None,
        limit: int | None = None,
        bytes: int | None = None,
        items: bool = True,
    ) -> Sequence[TaskRow]:
        most = -1 if limit is None else limit
        sql = self._sql["tasks" if items else "tasks_apart"]
        found = await self._readers.listed(sql, (run, after, most), ["result"], bytes)
        return [rows.task_row(row) for row in found]

    async def cached(self, asked: Sequence[tuple[str, int]]) -> Mapping[str, Cached]:
        found = await self._readers.rows(self._sql["cached"], msgspec.json.encode(asked).decode())
        return {row["key"]: rows.cached(row) for row in found}

    async def task_and_items(self, run: str, name: str) -> Sequence[TaskRow]:
        found = await self._readers.rows(self._sql["task_and_items"], run, name)
        return [rows.task_row(row) for row in found]

    async def item_counts(self, run: str) -> Mapping[str, Mapping[str, int]]:
        return _nested(await self._readers.rows(self._sql["item_counts"], run))

    async def failed_attempts(self, run: str) -> Sequence[FailedAttempt]:
        found = await self._readers.rows(self._sql["failed_attempts"], run)
        return [rows.failed_attempt(row) for row in found]

    async def holder(self, flow: str, key: str) -> tuple[str, str] | None:
        found = await self._readers.rows(self._sql["holder"], flow, key)
        return (found[0]["id"], found[0]["state"]) if found else None

    async def operations(self, run: str) -> Sequence[OperationRow]:
        found = await self._readers.rows(self._sql["operations"], run)
        return [OperationRow(*row) for row in found]

    async def unfinished(self) -> Sequence[RunRow]:
        return [rows.run_row(row) for row in await self._readers.rows(self._sql["unfinished"])]

    async def ready(self, flow: str, limit: int) -> Sequence[RunRow]:
        found = await self._readers.rows(self._sql["ready"], flow, limit)
        return [rows.run_row(row) for row in found]

    async def backgrounds(self, runs: Sequence[RunRow]) -> Sequence[Background]:
        return await self._readers.run(partial(backgrounds, self._sql, self._waits, runs))

    async def runs_named(self, ids: Sequence[str]) -> Sequence[RunRow]:
        found = await self._readers.rows(self._waits["runs_named"], _json_text(ids))
        return [rows.run_row(row) for row in found]

    async def events_between(
        self, first: int, upto: int, type: str | None, limit: int
    ) -> Sequence[EventRow]:
        name = "events_between" if type is None else "typed_events_between"
        found = await self._readers.rows(self._waits[name], first, upto, type, limit)
        return [rows.event_row(row) for row in found]

    async def held_keys(self) -> Sequence[tuple[str, str, int]]:
        found = await self._readers.rows(self._sql["held_keys"])
        return [(row[0], row[1], row[2]) for row in found]

    async def dead_runs(self, page: Page) -> Sequence[RunRow]:
        sql, values = dead_run_page(page)
        return [rows.run_row(row) for row in await self._readers.named(sql, values)]

    async def dead_events(self, page: Page) -> Sequence[DeadEvent]:
        sql, values = dead_event_page(page)
        return [rows.dead_event(row) for row in await self._readers.named(sql, values)]

    async def paused(self) -> Sequence[str]:
        return [row["flow"] for row in await self._readers.rows(self._sql["paused"])]

    async def paused_sensors(self) -> Mapping[str, int]:
        rows = await self._readers.rows(self._sql["paused_sensors"])
        return {row["sensor"]: row["at"] for row in rows}

    async def flow_state(self, flow: str) -> Mapping[str, bytes]:
        return dict(map(tuple, await self._readers.rows(self._sql["flow_state"], flow)))

    async def outbox_due(self, now: int, limit: int) -> Sequence[OutboxRow]:
        found = await self._readers.rows(self._sql["outbox_due"], now, limit)
        return sorted((rows.outbox_row(row) for row in found), key=lambda row: row.seq)

    async def outbox_next_due(self) -> int | None:
        found = await self._readers.rows(self._sql["outbox_next_due"])
        return found[0]["due_at"] if found else None

    async def outbox_oldest(self) -> int | None:
        found = await self._readers.rows(self._sql["outbox_oldest"])
        return found[0]["created_at"] if found else None

    async def outbox(self, *, run: str | None = None, limit: int = 100) -> Sequence[OutboxRow]:
        if run is None:
            found = await self._readers.rows(self._sql["outbox"], limit)
        else:
            found = await self._readers.rows(self._sql["outbox_of_run"], run, limit)
        return [rows.outbox_row(row) for row in found]

    async def dead_messages(self, page: DeadPage) -> Sequence[OutboxRow]:
        sql, values = dead_page(page)
        return [rows.outbox_row(row) for row in await self._readers.named(sql, values)]

    async def message(self, id: str) -> OutboxRow | None:
        found = await self._readers.rows(self._sql["message"], id)
        return rows.outbox_row(found[0]) if found else None

    async def endpoints(self) -> Sequence[Endpoint]:
        found = await self._readers.rows(self._sql["endpoints"])
        return [Endpoint(target=row[0], disabled_at=row[1], reason=row[2]) for row in found]

    async def claims_due(self, limit: int) -> Sequence[DueClaim]:
        found = await self._readers.rows(self._sql["claims_due"], limit)
        return [DueClaim(row[0], rows.claim(row[1]), bool(row[2])) for row in found]

    async def version(self, flow: str, version: str) -> VersionRow | None:
        found = await self._readers.rows(self._sql["version"], flow, version)
        return rows.version_row(found[0]) if found else None

    async def versions(self, flow: str) -> Sequence[VersionRow]:
        return [rows.version_row(r) for r in await self._readers.rows(self._sql["versions"], flow)]

    async def versions_named(self, prefix: str) -> Sequence[VersionRow]:
        found = await self._readers.rows(self._sql["versions_named"], prefix, prefix + LAST_TEXT)
        return [rows.version_row(row) for row in found]

    async def served(self) -> Sequence[ServedRow]:
        return [rows.served_row(row) for row in await self._readers.rows(self._sql["served"])]

    async def catalog(self, id: str) -> bytes | None:
        found = await self._readers.rows(self._sql["catalog"], id)
        return bytes(found[0]["body"]) if found else None

    async def dead_records(self, page: Page) -> Sequence[DeadRecordRow]:
        span = (page.limit, page.before, page.since, page.until)
        found = await self._readers.rows(self._sql["dead_records"], *span)
        return [rows.dead_record(row) for row in found]

    async def most_attempts(self, runs: Sequence[str]) -> Mapping[str, int]:
        found = await self._readers.rows(self._sql["most_attempts"], _json_text(runs))
        return {row[0]: row[1] for row in found}

    async def known_runs(self, ids: Sequence[str]) -> Sequence[str]:
        found = await self._readers.rows(self._sql["known_runs"], _json_text(ids))
        return [row[0] for row in found]

    async def artifacts(self, run: str, limit: int) -> Sequence[Kept]:
        found = await self._readers.rows(self._sql["artifacts"], run, limit)
        return [rows.kept(row) for row in found]

    async def artifact(self, digest: str) -> Kept | None:
        found = await self._readers.rows(self._sql["artifact"], digest)
        return rows.kept(found[0]) if found else None

    async def artifacts_named(self, digests: Sequence[str]) -> Sequence[str]:
        found = await self._readers.rows(self._sql["artifacts_named"], _json_text(digests))
        return [row[0] for row in found]

    async def tokens(self) -> Sequence[TokenRow]:
        return await self._readers.run(token_rows)

    async def audit(self, page: AuditPage) -> Sequence[AuditRow]:
        return await self._readers.run(partial(audit_rows, page))

    async def folder_id(self) -> str:
        found = await self._readers.rows(self._sql["meta"], "folder")
        return str(found[0]["value"])


def _nested(found: Sequence[Sequence[object]]) -> dict[str, dict[str, int]]:
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for outer, inner, count in found:
        counts[str(outer)][str(inner)] = int(str(count))
    return dict(counts)


def _json_text(names: Sequence[str]) -> str:
    return msgspec.json.encode(list(names)).decode()
