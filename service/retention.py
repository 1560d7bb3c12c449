"""Removes what is older than `[retention]` says, a little at a time.

Rows go first and files after them, so that a crash in between leaves files that nobody names;
the next sweep finds those.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path

import anyio
import msgspec
from anyio.abc import TaskStatus

from triphammer.config.clock import Clock
from triphammer.config.settings import Retention as Settings
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.store.access import PruneAudit
from triphammer.service.store.artifacts import FileArtifacts, MemoryArtifacts
from triphammer.service.store.backfills import PruneBackfills
from triphammer.service.store.contract import Pruned, PruneEvents, PruneIdentities, Store
from triphammer.service.store.logs import LogStore

EVERY = timedelta(hours=1)
FIRST = timedelta(minutes=1)
"""After the start: what is to be taken up again comes first."""
PAUSE_SECONDS = 0.01
"""Between two windows: whoever waits to commit gets in between."""
FILES = 500
"""Artifacts asked about at once."""


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep removed, or would remove. `lines` are those of logs, `bytes` of artifacts,
    `folders` the private ones of runs that did not succeed, `audit` rows of the audit log."""

    events: int = 0
    runs: int = 0
    identities: int = 0
    lines: int = 0
    artifacts: int = 0
    bytes: int = 0
    folders: int = 0
    audit: int = 0


class Sweeper:
    """Sweeps every hour, and whenever it is asked to."""

    def __init__(
        self,
        *,
        store: Store,
        logs: LogStore,
        artifacts: FileArtifacts | MemoryArtifacts,
        workdir: Path,
        settings: Settings,
        clock: Clock,
        log: logging.Logger,
    ) -> None:
        self._store = store
        self._logs = logs
        self._artifacts = artifacts
        self._workdir = workdir
        self.folder = workdir.parent.resolve()
        """The data folder."""
        self._settings = settings
        self._clock = clock
        self._log = log
        self._alone = anyio.Lock()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Sweep until cancelled. A sweep that fails is begun again an hour later."""
        task_status.started()
        due = self._clock.now() + _micros(FIRST)
        while True:
            await self._clock.wait_until(due)
            try:
                await self.sweep()
            except (StoreUnavailable, OSError) as error:
                self._log.warning("retention: %s; it goes on with the next sweep", error)
            due = self._clock.now() + _micros(EVERY)

    async def sweep(self, *, dry: bool = False) -> Swept:
        """Remove what is old enough; with `dry` only count it.

        Raises `StoreUnavailable`; what was removed until then stays removed.
        """
        async with self._alone:
            by_count = await self._prune_surplus(dry)
            by_age = await self._prune_old(dry)
            identities = await self._prune_identities(dry)
            if not dry:
                await self._prune_backfills()
            lines = by_age.lines + by_count.lines + (0 if dry else await self._sweep_logs())
            artifacts, size = (0, 0) if dry else await self._sweep_artifacts()
            folders = 0 if dry else await self._sweep_folders()
            audit = 0 if dry else await self._sweep_audit()
            swept = Swept(
                events=by_age.events + by_count.events,
                runs=by_age.runs + by_count.runs,
                identities=identities,
                lines=lines,
                artifacts=artifacts,
                bytes=size,
                folders=folders,
                audit=audit,
            )
        if not dry and swept != Swept():
            self._log.info("retention removed %s", msgspec.structs.asdict(swept))
        return swept

    async def _prune_surplus(self, dry: bool) -> Swept:
        """All but the newest so many, whatever their age."""
        keep = self._settings.events
        if keep is None:
            return Swept()
        failed_before = self._before(self._settings.failed)
        before = self._clock.now()
        return await self._prune_events(
            PruneEvents(before=before, failed_before=failed_before, keep=keep, dry=dry)
        )

    async def _prune_old(self, dry: bool) -> Swept:
        """By age, of those that are not too many anyway: a dry run counts each once."""
        before, newest = self._before(self._settings.payload), self._settings.events
        failed_before = self._before(self._settings.failed)
        return await self._prune_events(
            PruneEvents(before=before, failed_before=failed_before, newest=newest, dry=dry)
        )

    async def _prune_events(self, first: PruneEvents) -> Swept:
        """`first` and all windows after it."""
        events = runs = lines = 0
        after: tuple[int, int] | None = first.after
        while after is not None:
            pruned = await self._commit(msgspec.structs.replace(first, after=after))
            events, runs, after = events + pruned.rows, runs + len(pruned.runs), pruned.after
            if pruned.runs and not first.dry:
                lines += await self._logs.forget(pruned.runs)
            await anyio.sleep(PAUSE_SECONDS)
        return Swept(events=events, runs=runs, lines=lines)

    async def _prune_identities(self, dry: bool) -> int:
        count = 0
        after: tuple[int, int] | None = (0, 0)
        while after is not None:
            before = self._before(self._settings.identities)
            pruned = await self._commit(PruneIdentities(before=before, after=after, dry=dry))
            count, after = count + pruned.rows, pruned.after
            await anyio.sleep(PAUSE_SECONDS)
        return count

    async def _prune_backfills(self) -> None:
        """Those that ended as long ago as events are kept."""
        unit = PruneBackfills(before=self._before(self._settings.payload))
        while True:
            (dropped,) = await self._store.commit([unit])
            if isinstance(dropped, Exception):
                raise dropped
            if not dropped:
                return
            await anyio.sleep(PAUSE_SECONDS)

    async def _commit(self, unit: PruneEvents | PruneIdentities) -> Pruned:
        outcome = (await self._store.commit([unit]))[0]
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, Pruned)
        return outcome

    async def _sweep_audit(self) -> int:
        """Rows of the audit log that are too old."""
        count = 0
        while True:
            unit = PruneAudit(before=self._before(self._settings.audit))
            (outcome,) = await self._store.commit([unit])
            if isinstance(outcome, Exception):
                raise outcome
            assert isinstance(outcome, int)
            count += outcome
            if outcome < unit.limit:
                return count
            await anyio.sleep(PAUSE_SECONDS)

    async def _sweep_logs(self) -> int:
        """Old lines whose run is gone: a crash came between the run and its lines."""
        removed, after = 0, 0
        while True:
            old = await self._logs.old_runs(self._before(self._settings.payload), after)
            known = set(await self._store.known_runs(old.runs))
            removed += await self._logs.forget([run for run in old.runs if run not in known])
            if old.after is None:
                return removed
            after = old.after
            await anyio.sleep(PAUSE_SECONDS)

    async def _sweep_artifacts(self) -> tuple[int, int]:
        """Files that no row names; how many, and their bytes."""
        stored = await anyio.to_thread.run_sync(list, self._artifacts.stored())
        sizes: list[int] = []
        for digests in _chunks(stored, FILES):
            named = set(await self._store.artifacts_named(digests))
            for digest in digests:
                if digest not in named:
                    size = await anyio.to_thread.run_sync(self._artifacts.remove, digest)
                    sizes += [size] if size else []
        return len(sizes), sum(sizes)

    async def _sweep_folders(self) -> int:
        """The private folders of runs that are gone."""
        names = await anyio.to_thread.run_sync(_names, self._workdir)
        removed = 0
        for runs in _chunks(names, FILES):
            for run in set(runs) - set(await self._store.known_runs(runs)):
                remove = partial(shutil.rmtree, self._workdir / run, ignore_errors=True)
                await anyio.to_thread.run_sync(remove)
                removed += 1
        return removed

    def _before(self, age: timedelta | None) -> int:
        """The moment that was `age` ago; the beginning of time where it is not set."""
        return 0 if age is None else self._clock.now() - _micros(age)


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _names(folder: Path) -> list[str]:
    return [item.name for item in folder.iterdir()] if folder.is_dir() else []


def _chunks(items: Iterable[str], size: int) -> Iterator[list[str]]:
    given = iter(items)
    while chunk := list(islice(given, size)):
        yield chunk
