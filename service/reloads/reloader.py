"""Loads the flows again whenever somebody asks, or the files have changed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import anyio

from triphammer.flows.graph import FlowDef
from triphammer.flows.snapshot import Snapshot
from triphammer.service.dispatcher.admission import Admission
from triphammer.service.loading import Loaded
from triphammer.service.reloads.asking import Asked, Reloaded, Reloads, Wrong
from triphammer.service.reloads.watch import FileWatch

SLOW_SECONDS = 10.0
MOST_PUT_OFF = 5
"""So often in a row a load is given up for a change meanwhile: flow files may write modules."""
Still = Callable[[], bool]
Reload = Callable[[Still], Awaitable[tuple[Loaded, Reloaded] | None]]
Mode = Literal["watch", "signal", "off"]


class Reloader:
    """One reload after the other. `reload` does it, unless files change meanwhile, of which the
    watch tells; what it loaded is watched in mode "watch"."""

    def __init__(
        self, reloads: Reloads, *, reload: Reload, mode: Mode, root: Path, log: logging.Logger
    ) -> None:
        self._reloads = reloads
        self._reload = reload
        self._log = log
        self._mode = mode
        self._put_off = 0
        self._watch = FileWatch(root, reloads.ask_if_changed, log) if mode == "watch" else None

    async def run(self, flows: Loaded) -> None:
        """Obey until cancelled. `flows` are those in service."""
        async with anyio.create_task_group() as group:
            if self._watch is not None:
                self._watch.follow(flows.snapshot)
                group.start_soon(self._watch.run, name="watch of flow files")
            snapshot = flows.snapshot
            while True:
                snapshot = await self._obey(await self._reloads.next(), snapshot)

    async def _obey(self, asked: Asked, snapshot: Snapshot) -> Snapshot:
        """Reload if there is reason to; the snapshot of the flows then in service."""
        if self._mode == "off":
            self._log.warning('[flows] reload is "off": restart to load the flows again')
            return snapshot
        if not asked.is_forced and await anyio.to_thread.run_sync(snapshot.holds):
            return snapshot
        try:
            done = await self._loaded(self._still(asked))
            if done is None:  # the watch asks again once it is quiet
                self._put_off += 1
                return snapshot
            self._put_off = 0
            flows, answer = done
            asked.tell(answer)
        finally:
            asked.give_up()
        self._log.info("reloaded: %s", answer)
        if self._watch is not None:
            self._watch.follow(flows.snapshot)
        return flows.snapshot

    def _still(self, asked: Asked) -> Still:
        if asked.is_forced or self._watch is None or self._put_off == MOST_PUT_OFF:
            return lambda: True
        return self._watch.still()

    async def _loaded(self, still: Still) -> tuple[Loaded, Reloaded] | None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._grumble)
            try:
                return await self._reload(still)
            finally:
                group.cancel_scope.cancel()
        raise AssertionError("unreachable: the group lets errors through")

    async def _grumble(self) -> None:
        """A file that never ends being imported: what served before goes on serving."""
        await anyio.sleep(SLOW_SECONDS)
        text = "flows are being loaded for %g s: a file does too much while it is imported"
        self._log.warning(text, SLOW_SECONDS)


def difference(before: Mapping[str, FlowDef], after: Loaded, notes: Sequence[str] = ()) -> Reloaded:
    """What putting `after` in the place of `before` has changed."""
    now = after.flows
    both = sorted(before.keys() & now.keys())
    return Reloaded(
        added=sorted(now.keys() - before.keys()),
        changed=[name for name in both if now[name].version != before[name].version],
        removed=sorted(before.keys() - now.keys()),
        kept=sorted(after.wrong),
        flows=len(now),
        errors=[Wrong(error.file, error.line, error.message) for error in after.errors],
        warnings=after.warnings,
        notes=notes,
    )


def leftovers(
    flows: Mapping[str, FlowDef], queued: Mapping[str, int], admission: Admission
) -> Sequence[str]:
    """What becomes of the queued runs of flows that are not among `flows` any more."""
    return [
        _paused_leftovers(name, queued[name])
        if name in admission.paused
        else f"flow {name} is removed: its {queued[name]} queued runs go on, each at its version"
        for name in sorted(queued.keys() - flows.keys())
    ]


def _paused_leftovers(name: str, count: int) -> str:
    return (
        f"flow {name} is removed, and paused with {count} queued runs: `triphammer resume {name}`"
        " lets them go on, `triphammer cancel RUN` ends one"
    )
