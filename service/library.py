"""The flows that can run: those now live, and older versions for runs that began on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread

from triphammer.flows.graph import FlowDef
from triphammer.flows.loader import load_version
from triphammer.service.errors import UnknownFlow, VersionGone
from triphammer.service.store.contract import Store
from triphammer.service.store.versions import ServedRow

REMEMBERED = 64
"""How many old versions stay loaded; more are loaded again from the store when needed."""


class Library:
    """Finds flows by name, and by name and version with the stored sources behind it."""

    def __init__(self, store: Store, root: Path, flows: Mapping[str, FlowDef]) -> None:
        self._store = store
        self._root = root
        self._old: dict[tuple[str, str], FlowDef] = {}
        self.live = dict(flows)
        self.wrong: Mapping[str, str] = {}
        """The error of each live flow that serves at its last good version."""
        self.errors: Sequence[str] = ()
        """All that was wrong when flows were loaded last."""

    def replace(self, flows: Mapping[str, FlowDef]) -> None:
        """Make `flows` the live set; what was live stays known under its version."""
        for name, flow in self.live.items():
            if name not in flows or flows[name].version != flow.version:
                self._remember(flow)
        self.live = dict(flows)

    def flow(self, name: str) -> FlowDef:
        """The live flow of this name. Raises `UnknownFlow`, which names those there are."""
        try:
            return self.live[name]
        except KeyError:
            raise UnknownFlow(name, self.live) from None

    async def version(self, name: str, version: str) -> FlowDef:
        """The flow at one version, from memory or from its stored sources.

        Raises `VersionGone` when the store does not hold it or it no longer loads.
        """
        live = self.live.get(name)
        if live is not None and live.version == version:
            return live
        known = self._old.get((name, version))
        return known if known is not None else await self._load(name, version)

    async def removed(self, name: str) -> ServedRow:
        """The flow of this name that serves no more, but has left something behind.

        Raises `UnknownFlow`, which names those that serve.
        """
        for row in await self._store.served():
            if row.flow == name and row.removed_at is not None and row.has_history:
                return row
        raise UnknownFlow(name, self.live)

    async def last_good(self, files: Collection[str]) -> Mapping[str, FlowDef]:
        """The flows that served last from these files, as far as they still load."""
        found: dict[str, FlowDef] = {}
        for row in await self._store.served():
            if row.removed_at is None and row.file in files:
                with suppress(VersionGone):
                    found[row.flow] = await self.version(row.flow, row.version)
        return found

    async def _load(self, name: str, version: str) -> FlowDef:
        row = await self._store.version(name, version)
        if row is None:
            raise VersionGone(name, version, "its sources are not in the store")
        try:
            # In a thread: what a module does while it is imported may block.
            flow = await anyio.to_thread.run_sync(
                load_version, self._root, name, row.file, row.sources
            )
        # Seam to user code: an old version's module may raise anything when it is loaded.
        except Exception as error:
            raise VersionGone(name, version, f"{type(error).__name__}: {error}") from error
        self._remember(flow)
        return flow

    def _remember(self, flow: FlowDef) -> None:
        self._old[flow.name, flow.version] = flow
        while len(self._old) > REMEMBERED:
            del self._old[next(iter(self._old))]
