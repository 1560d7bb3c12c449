"""`/palette`: where the console's palette can go from what was typed. It costs little: names in
memory, and one look-up of an id's beginning."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypedDict
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from triphammer.service.access.routes import RULES
from triphammer.service.access.scopes import Caller, caller_of
from triphammer.service.web.reading import Reading

LONGEST = 200
"""Characters that are looked at."""
MOST_FLOWS = 8
PAGES = (
    ("Now", "/", "what runs, what failed, what works"),
    ("Flows", "/flows", ""),
    ("Runs", "/runs", ""),
    ("Runs that run", "/runs?state=running", ""),
    ("Runs that wait", "/runs?state=waiting", ""),
    ("Runs that failed", "/runs?state=failed", ""),
    ("Events", "/events", ""),
    ("Sensors", "/sensors", "position, lag, errors"),
    ("Outbox", "/outbox", "messages on their way"),
    ("Dead letters", "/deadletters", "redrive or skip"),
    ("Health", "/health", "parts, database, versions"),
    ("Settings", "/settings", "what holds, and from where"),
    ("Tokens", "/tokens", "who may do what"),
    ("Audit log", "/audit", "who did what"),
    ("API", "/docs", ""),
)
_ID = re.compile("(run|evt|msg)_[0-9a-f]{1,32}")


class Place(TypedDict):
    """Where one can go."""

    kind: str
    title: str
    note: str
    href: str


class Palette:
    """Finds pages, flows by name, and runs, events and messages by the beginning of their id."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/palette", self.found)]

    async def found(self, request: Request) -> Response:
        """What fits `?q=`, the nearest first."""
        text = request.query_params.get("q", "").strip()[:LONGEST]
        pages = _pages(text, caller_of(request.scope))
        places = [*await self._ids(text), *_flows(text, self._reading.flow_names), *pages]
        return JSONResponse({"items": [*places, *_searches(text)]})

    async def _ids(self, text: str) -> list[Place]:
        if not _ID.fullmatch(text):
            return []
        places = [await self._of_id(id) for id in await self._reading.store.find(text)]
        return [place for place in places if place is not None]

    async def _of_id(self, id: str) -> Place | None:
        if id.startswith("evt_"):
            return _place("Event", id, f"/events/{id}")
        if id.startswith("run_"):
            return _place("Run", id, f"/runs/{id}")
        row = await self._reading.store.message(id)
        if row is None:  # its run was pruned meanwhile
            return None
        return _place("Message", id, f"/outbox/{id}", f"sent by {row.message.task}")


def _place(kind: str, title: str, href: str, note: str = "") -> Place:
    return {"kind": kind, "title": title, "note": note, "href": href}


def _pages(text: str, caller: Caller) -> Iterator[Place]:
    """Pages that the caller may see."""
    for title, href, note in PAGES:
        may = caller.may(RULES.need("GET", href.partition("?")[0]))
        if may and text.lower() in title.lower():
            yield _place("Page", title, href, note)


def _flows(text: str, names: Sequence[str]) -> Iterator[Place]:
    """Flows whose name has `text` in it: those that begin with it before the others."""
    wanted = text.lower()
    fitting = [name for name in names if wanted in name.lower()]
    fitting.sort(key=lambda name: (not name.lower().startswith(wanted), name))
    for name in fitting[:MOST_FLOWS]:
        yield _place("Flow", name, f"/flows/{quote(name, safe='')}")
        if wanted and len(fitting) <= 2:
            query = urlencode({"flow": name, "state": "failed"})
            yield _place("Runs", f"{name}: runs that failed", f"/runs?{query}")


def _searches(text: str) -> Iterator[Place]:
    if text and not _ID.fullmatch(text):
        yield _place("Search", f"Events of type {text}", f"/events?{urlencode({'type': text})}")
