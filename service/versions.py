"""The code of flows as it was: what versions there are, their files, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff

import msgspec

from triphammer.service.errors import NotFound, UnknownFlow
from triphammer.service.library import Library
from triphammer.service.store.contract import Store
from triphammer.service.store.versions import VersionRow


class FileDiff(msgspec.Struct, frozen=True):
    """How one file differs: `change` is "added", "removed" or "changed", `diff` a unified diff."""

    path: str
    change: str
    diff: str


class Versions:
    """Answers questions about stored versions; changes nothing."""

    def __init__(self, store: Store, library: Library) -> None:
        self._store = store
        self._library = library

    async def of(self, flow: str) -> Sequence[VersionRow]:
        """All versions of a flow, the newest first, without sources. Raises `UnknownFlow`."""
        found = await self._store.versions(flow)
        if not found:
            raise UnknownFlow(flow, self._library.live)
        return found

    def is_live(self, row: VersionRow) -> bool:
        """Whether events begin runs at this version now."""
        live = self._library.live.get(row.flow)
        return live is not None and live.version == row.version

    async def named(self, name: str) -> VersionRow:
        """The version that `name` is or begins, with its sources. Raises `NotFound`."""
        found = list(await self._store.versions_named(name)) if name else []
        exact = [row for row in found if row.version == name]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if found:
            names = ", ".join(row.version for row in found)
            raise NotFound(f"{name!r} is the beginning of several versions: {names}")
        raise NotFound(f"no version {name!r}; `triphammer code FLOW --list` lists those of a flow")

    async def diff(self, old: str, new: str) -> tuple[VersionRow, VersionRow, Sequence[FileDiff]]:
        """Both versions, and the files in which they differ. Raises `NotFound`."""
        before, after = await self.named(old), await self.named(new)
        return before, after, tuple(differences(before.sources, after.sources))


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[FileDiff]:
    """The files that are not the same in both, by path."""
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old != new:
            change = "added" if old is None else "removed" if new is None else "changed"
            yield FileDiff(path, change, _unified(path, old, new))


def _unified(path: str, old: str | None, new: str | None) -> str:
    lines = unified_diff(
        (old or "").splitlines(),
        (new or "").splitlines(),
        "/dev/null" if old is None else f"a/{path}",
        "/dev/null" if new is None else f"b/{path}",
        lineterm="",
    )
    return "".join(f"{line}\n" for line in lines)
