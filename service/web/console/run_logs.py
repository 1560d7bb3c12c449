"""What a run printed and logged: a page of it, what came since, and all of it as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from triphammer.service.errors import NotFound, UnknownRun
from triphammer.service.store.log_pages import END, FoundLines, LogPage, StoredLine
from triphammer.service.web import models, views
from triphammer.service.web.console.place import LEVELS, Place, place_of
from triphammer.service.web.log_text import as_text, plain
from triphammer.service.web.pages import Pages
from triphammer.service.web.reading import Reading

LINES = 500
"""Lines on one page."""
AROUND = 100
"""Of these, how many stand before the one that a link names."""
PIECE = 2_000
"""Lines that are read at once for the file."""


@dataclass(frozen=True, slots=True)
class LogView:
    """A page of lines. `older` and `newer` are the addresses of the next ones (none: ""), `since`
    that of the lines that have come since. `follows`: it ends with the newest line. `cut_short`:
    the search has not looked at all lines: there may be more that fit."""

    lines: Sequence[models.LogLine]
    older: str
    newer: str
    since: str
    file: str
    follows: bool
    cut_short: bool


async def log_view(reading: Reading, place: Place, limit: int = LINES) -> LogView:
    """The lines of a place: around a line, behind or before one, or else the newest."""
    place = _opened_at(place)
    asked = _page(place, limit)
    found = await reading.captured.page(asked)
    lines = [shown_line(line) for line in found.lines]
    last = lines[-1]["seq"] if lines else asked.since or 0
    older, newer = _ways(asked, found)
    bare = _bare(place)
    return LogView(
        lines=lines,
        older="" if older is None else bare.link(before=older),
        newer="" if newer is None else bare.link(since=newer),
        since=f"/runs/{place.run}/lines{_query(bare.link(since=last))}",
        file=f"/runs/{place.run}/log.txt{_query(bare.link())}",
        follows=newer is None,
        cut_short=found.cut_short,
    )


def _ways(asked: LogPage, found: FoundLines) -> tuple[int | None, int | None]:
    """The line that the page before ends before, and the one that the next page begins behind;
    None where there is nothing more."""
    if asked.since is not None:
        older = found.lines[0].seq if found.lines else asked.since + 1
        return older, found.further
    newer = None if asked.before == END else asked.before - 1
    return found.further, newer


def shown_line(line: StoredLine) -> models.LogLine:
    """A line as pages show it."""
    return {
        "seq": line.seq,
        "task": line.task,
        "attempt": line.attempt,
        "at": views.moment(line.at),
        "level": line.level,
        "text": plain(line.text),
    }


def _is_plain(task: str) -> bool:
    """Whether a name can stand in a header: names of functions may be of any script."""
    return task.isascii() and task.isidentifier()


def _opened_at(place: Place) -> Place:
    """Where a link to a line begins: some lines before it."""
    if not place.line or place.since is not None or place.before:
        return place
    return Place(
        run=place.run,
        tab=place.tab,
        task=place.task,
        attempt=place.attempt,
        since=max(place.line - AROUND, 0),
    )


def _bare(place: Place) -> Place:
    """The place without where in the log it is."""
    return Place(
        run=place.run,
        tab="log",
        task=place.task,
        attempt=place.attempt,
        level=place.level,
        q=place.q,
    )


def _query(link: str) -> str:
    _, mark, query = link.partition("?")
    return mark + query


def _page(place: Place, limit: int) -> LogPage:
    return LogPage(
        run=place.run,
        task=place.task or None,
        attempt=place.attempt or None,
        levels=LEVELS.get(place.level),
        words=place.q or None,
        since=place.since,
        before=place.before or END,
        limit=limit,
    )


class RunLogs:
    """`/runs/{id}/lines`, which an open page fetches, and `/runs/{id}/log.txt`."""

    def __init__(self, reading: Reading, pages: Pages) -> None:
        self._reading = reading
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/runs/{id}/lines", self.lines), Route("/runs/{id}/log.txt", self.file)]

    async def lines(self, request: Request) -> Response:
        """The lines that have come since one, as a piece of the page."""
        try:
            place = await self._place(request)
        except NotFound as error:
            return self._pages.missing(error)
        view = await log_view(self._reading, place)
        return self._pages.page("run_lines.html", log=view, place=place)

    async def file(self, request: Request) -> Response:
        """All lines, or the narrowed ones, as text; they are read as they are sent."""
        try:
            place = await self._place(request)
        except NotFound as error:
            return self._pages.missing(error)
        name = f"{place.run}{'-' + place.task if _is_plain(place.task) else ''}.txt"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
        }
        return StreamingResponse(
            self._all(place), media_type="text/plain; charset=utf-8", headers=headers
        )

    async def _place(self, request: Request) -> Place:
        run = await self._reading.full_id(request.path_params["id"], UnknownRun)
        return place_of(run, request.query_params)

    async def _all(self, place: Place) -> AsyncIterator[str]:
        since: int | None = 0
        while since is not None:
            asked = _page(msgspec.structs.replace(place, since=since), PIECE)
            found = await self._reading.captured.page(asked)
            since = found.further
            if found.lines:
                yield self._pages.mask("".join(map(as_text, found.lines)))
