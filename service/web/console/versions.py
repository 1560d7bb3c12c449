"""`/flows/{name}/versions`: what code a flow has had, and how two of its versions differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.service.store.versions import VersionRow
from triphammer.service.versions import FileDiff, Versions
from triphammer.service.web.diff_lines import DiffLine, counted, diff_lines
from triphammer.service.web.pages import Pages
from triphammer.service.web.views import moment

MOST = 200
"""Versions that the list shows: the newest."""
MOST_LINES = 5_000
"""Lines that a page shows of one file or diff; the API gives all of them."""


@dataclass(frozen=True, slots=True)
class ShownDiff:
    """How one file differs. `left_out`: lines that the page does not show."""

    path: str
    change: str
    lines: Sequence[DiffLine]
    added: int
    removed: int
    left_out: int


class VersionPages:
    """The versions of a flow: a list, a comparison, and the code of each."""

    def __init__(self, versions: Versions, pages: Pages) -> None:
        self._versions = versions
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [
            Route("/flows/{name}/versions", self.versions),
            Route("/flows/{name}/versions/{version}", self.version),
        ]

    async def versions(self, request: Request) -> Response:
        """The versions, newest first; with `?from=&to=` also how two of them differ."""
        name, query = request.path_params["name"], request.query_params
        rows = await self._versions.of(name)
        old, new = query.get("from"), query.get("to")
        files = None if not old or not new else await self._differences(old, new)
        names = [row.version for row in rows]
        return self._pages.page(
            "versions.html",
            name=name,
            versions=[_shown(row, self._versions.is_live(row)) for row in rows[:MOST]],
            more=len(rows) > MOST,
            old=old or (names[1] if len(names) > 1 else names[0]),
            new=new or names[0],
            files=files,
        )

    async def version(self, request: Request) -> Response:
        """All code of one version."""
        row = await self._versions.named(request.path_params["version"])
        # The flow's own file first: it is what a reader has come for.
        paths = sorted(row.sources, key=lambda path: (path != row.file, path))
        files = [(path, row.sources[path].splitlines()) for path in paths]
        return self._pages.page(
            "version.html",
            name=request.path_params["name"],
            version=_shown(row, self._versions.is_live(row)),
            files=[(path, lines[:MOST_LINES], len(lines)) for path, lines in files],
        )

    async def _differences(self, old: str, new: str) -> list[ShownDiff]:
        _, _, found = await self._versions.diff(old, new)
        return [_diff(file) for file in found]


def _shown(row: VersionRow, is_live: bool) -> dict[str, object]:
    return {"version": row.version, "file": row.file, "at": moment(row.at), "live": is_live}


def _diff(file: FileDiff) -> ShownDiff:
    lines = list(diff_lines(file.diff))
    added, removed = counted(lines)
    left_out = max(len(lines) - MOST_LINES, 0)
    return ShownDiff(file.path, file.change, lines[:MOST_LINES], added, removed, left_out)
