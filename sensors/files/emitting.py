"""From news and findings to emissions: each whole version once, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import anyio

from triphammer.config.clock import steady
from triphammer.sensors.contract import Claim, DeadRecord, Emission, SensorContext
from triphammer.sensors.errors import Overloaded
from triphammer.sensors.event import Event
from triphammer.sensors.files.looking import Seen, look_at
from triphammer.sensors.files.news import Noted
from triphammer.sensors.files.options import Options
from triphammer.sensors.files.readiness import Readiness
from triphammer.sensors.files.scanning import Findings, Scope, status_at
from triphammer.sensors.files.versions import Version, position_key

BATCH = 200
"""Files in one transaction."""


class Emitting:
    """Emits what `news` and `found` bring up. `news` is for the feed.

    `report` tells whether the sensor works, after the store was away.
    """

    def __init__(
        self, context: SensorContext, options: Options, report: Callable[[], None]
    ) -> None:
        self._context = context
        self._report = report
        self._options = options
        self._readiness = Readiness(options.ready, options.settle)
        self.news = Noted(options.scope, self._readiness, context.log)

    async def load(self) -> None:
        """Read the positions: the versions that were emitted before."""
        self.news.known = dict(await self._context.positions())

    async def found(self, findings: Findings) -> None:
        """Take in what a scan found; after one of everything, forget what is not there."""
        now, marker = steady(), self._readiness.marker
        for path, identity in findings.files.items():
            if marker is not None and marker.is_marker(path):
                continue
            if self.news.known.get(position_key(path)) != identity:
                self._readiness.found(path, identity, now)
        if findings.whole:
            await self._forget_missing(findings)

    async def emit_due(self) -> bool:
        """Look at the files that are due and emit the whole ones; False when none are due."""
        taken_at = steady()
        paths = self._readiness.take(taken_at, BATCH)
        forgotten = list(islice(self.news.forgotten, BATCH))
        if not paths and not forgotten:
            return False
        self.news.forgotten.difference_update(forgotten)
        positions: dict[str, str | None] = dict.fromkeys(forgotten)
        seen = await self._look(paths)
        now = steady()
        whole = [
            item.version
            for item in seen
            if self._readiness.judge(item.path, item.look, now, taken_at)
            and item.version is not None
        ]
        missing = [item.path for item in seen if item.look is None]
        for path in missing:
            self.news.forget(position_key(path))
        emission = self._emission(whole, positions, self._context.clock.now())
        if emission.events or emission.dead or emission.positions:
            await self._emit(emission)
        return True

    def due_in(self) -> float:
        """Seconds until a file is due."""
        due = self._readiness.next_due()
        return float("inf") if due is None else (due - steady()) / 1e6

    async def _look(self, paths: Sequence[str]) -> list[Seen]:
        return await anyio.to_thread.run_sync(
            look_at, self._options.scope, paths, self._readiness.marker, self._context.clock
        )

    async def _forget_missing(self, findings: Findings) -> None:
        there = {position_key(path) for path in findings.files}
        missing = [key for key in self.news.known if key not in there]
        if missing:
            gone = await anyio.to_thread.run_sync(_gone, self._options.scope, missing)
            for key in gone:
                self.news.forget(key)
        if self._readiness.marker is not None:
            now = steady()
            for path in set(self._readiness.paths()).difference(findings.files):
                self._readiness.noticed(path, now)

    def _emission(
        self, whole: Sequence[Version], positions: dict[str, str | None], now: int
    ) -> Emission:
        """What `whole` versions amount to; `known` already counts them as emitted."""
        events: list[Event] = []
        claims: dict[str, Claim] = {}
        dead: list[DeadRecord] = []
        folder, options, known = self._context.spec.name, self._options, self.news.known
        for version in whole:
            key, identity = position_key(version.path), version.identity
            if known.get(key) == identity:
                continue
            if key != version.path:
                dead.append(version.dead(folder))
            else:
                event = version.event(folder, changed=key in known, now=now)
                events.append(event)
                if options.done is not None or options.failed is not None:
                    claims[event.key] = version.claim(options.done, options.failed)
            known[key] = positions[key] = identity
            self.news.forgotten.discard(key)
        return Emission(events=events, positions=positions, dead=dead, claims=claims)

    async def _emit(self, emission: Emission) -> None:
        """Store it; a store that is away delays it only."""
        while True:
            try:
                await self._context.emit(emission)
            except Overloaded as error:
                self._context.ready(str(error))
                await anyio.sleep(error.retry_after)
                self._report()
            else:
                return


def _gone(scope: Scope, keys: Sequence[str]) -> list[str]:
    """Those of `keys` whose file is not there: a listing can pass over one that is renamed."""
    return [key for key in keys if not scope.globs.matches(key) or status_at(scope.at(key)) is None]
