"""A run that has ended begins again: whole, from a task on, or only where it failed.

It goes on as the version that it began with, in its own place: what is kept is in the journal,
as after a restart of the daemon, and what runs again are new attempts.
"""

from __future__ import annotations

import msgspec

from triphammer.config.clock import Clock
from triphammer.flows.engine.anew import Anew
from triphammer.flows.graph import FlowDef
from triphammer.service.dispatcher.starter import Starter
from triphammer.service.errors import StateForbids, UnknownEvent, UnknownRun, VersionGone
from triphammer.service.hub import Hub, News
from triphammer.service.library import Library
from triphammer.service.store.contract import ENDED, RunRow, Store
from triphammer.service.store.operator_units import Operation, RetryRun


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for something to be done to a run, and the key by which it is done once."""

    by: str
    key: str | None = None


class Retry:
    """Retries runs."""

    def __init__(
        self, *, store: Store, library: Library, starter: Starter, clock: Clock, hub: Hub
    ) -> None:
        self._store = store
        self._library = library
        self._starter = starter
        self._clock = clock
        self._hub = hub

    async def run(
        self, run: str, asked: Asked, *, since: str | None = None, failed_only: bool = False
    ) -> None:
        """Let `run` begin again: all of it, the task `since` and what is behind it, or what
        failed (of that). Returns once that is stored.

        Raises `UnknownRun`, `UnknownTask`, and `StateForbids` where it cannot be.
        """
        row = await self._row(run)
        if await self._was_done(run, asked):
            return
        flow = await self._allowed(row)
        anew = await self._anew(row, flow, since, failed_only)
        operation = Operation(
            run=run,
            at=self._clock.now(),
            by=asked.by,
            what="retry",
            detail=_detail(since, failed_only),
            key=asked.key,
        )
        unit = RetryRun(operation=operation, epoch=row.epoch, anew=anew)
        if not await self._commit(row, unit) and not await self._was_done(run, asked):
            raise StateForbids(f"run {run} was retried or redriven by somebody else just now")

    async def _row(self, run: str) -> RunRow:
        row = await self._store.run(run)
        if row is None:
            raise UnknownRun(run)
        return row

    async def _was_done(self, run: str, asked: Asked) -> bool:
        if asked.key is None:
            return False
        return any(done.key == asked.key for done in await self._store.operations(run))

    async def _allowed(self, row: RunRow) -> FlowDef:
        """The version that the run goes on as."""
        if row.state not in ENDED:
            raise StateForbids(
                f"run {row.id} has not ended: it is {row.state}; cancel it first, or wait"
            )
        if row.settled == "redriven":
            raise StateForbids(
                f"run {row.id} was redriven: retry the run in its place{await self._place(row)}"
            )
        try:
            return await self._library.version(row.flow, row.version)
        except VersionGone as error:
            raise StateForbids(
                f"run {row.id} cannot go on as it began: {error}; start {row.flow} as it is now"
            ) from error

    async def _place(self, row: RunRow) -> str:
        told = await self._store.dispositions(row.event)
        runs = [d.run for d in told if d.run and d.detail and row.id in d.detail]
        return f", {runs[0]}" if runs else ""

    async def _anew(
        self, row: RunRow, flow: FlowDef, since: str | None, failed_only: bool
    ) -> tuple[str, ...]:
        if await self._store.event(row.event) is None:
            raise UnknownEvent(row.event)
        tasks = await self._store.tasks(row.id)
        anew = Anew(flow.graph, {task.name: task for task in tasks})
        if not failed_only:
            return tuple(anew.all() if since is None else anew.since(since))
        names = tuple(anew.failed(since))
        if tasks and not names:
            of = "" if since is None else f" of {since} and behind it"
            raise StateForbids(f"nothing{of} has failed in run {row.id}: it {row.state}")
        return names

    async def _commit(self, row: RunRow, unit: RetryRun) -> bool:
        self._starter.expect([row.id])
        try:
            (outcome,) = await self._store.commit([unit])
            if isinstance(outcome, Exception):
                raise outcome
            if outcome is not True:
                return False
            self._starter.retried(row)
            self._hub.publish([News("run", row.id, row.flow, "queued")])
            return True
        finally:
            self._starter.expect_no_more([row.id])


def _detail(since: str | None, failed_only: bool) -> str:
    what = "what failed" if failed_only else "all"
    return what if since is None else f"{what} from {since} on"
