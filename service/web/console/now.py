"""`/`: what runs, what waits, what just failed, what comes in, and what works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.service.health import Health
from triphammer.service.store.contract import Page, RunRow
from triphammer.service.supervisor import PAUSED
from triphammer.service.web import views
from triphammer.service.web.console.progress import Progress, has_items, progress
from triphammer.service.web.looking_models import Failure
from triphammer.service.web.overview import Overview
from triphammer.service.web.pages import Pages
from triphammer.service.web.paging import MOST_BYTES
from triphammer.service.web.reading import Reading

UNDER_WAY = 12
"""Runs that run, and as many that wait, that the page shows."""
RECENT = 10
TASKS = 200
"""Tasks of a run that are looked at to tell how far it is."""
SENSOR = "sensor "
"""What the names of parts begin with that are sensors."""


class NowPage:
    """The first page. Each of its reads is of so many rows at most, by an index."""

    def __init__(self, reading: Reading, overview: Overview, health: Health, pages: Pages) -> None:
        self._reading = reading
        self._overview = overview
        self._health = health
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/", self.now)]

    async def now(self, request: Request) -> Response:
        """Everything that one wants to see first."""
        store, stats = self._reading.store, await self._overview.stats()
        running, waiting = await self._runs("running"), await self._runs("waiting")
        recent = await store.runs(Page(limit=RECENT, bytes=MOST_BYTES))
        parts = sorted(self._health.parts().items())
        return self._pages.page(
            "now.html",
            errors=self._reading.load_errors,
            flows=len(self._reading.flow_names),
            stats=stats,
            failures=alike(stats["failures"]),
            running=[(views.run(row), await self._progress(row)) for row in running],
            waiting=[(views.run(row), await self._waits(row)) for row in waiting],
            recent=[views.run(row) for row in recent],
            paused=PAUSED,
            sensors=[(n.removeprefix(SENSOR), p) for n, p in parts if n.startswith(SENSOR)],
            parts=[(name, part) for name, part in parts if not name.startswith(SENSOR)],
        )

    async def _runs(self, state: str) -> Sequence[RunRow]:
        page = Page(limit=UNDER_WAY, bytes=MOST_BYTES, state=state)
        return await self._reading.store.runs(page)

    async def _progress(self, row: RunRow) -> Progress:
        store = self._reading.store
        tasks = await store.tasks(row.id, items=False, limit=TASKS)
        items: Mapping[str, Mapping[str, int]] = {}
        if has_items(tasks):
            items = await store.item_counts(row.id)
        return progress(await self._reading.nodes(row), tasks, items)

    async def _waits(self, row: RunRow) -> list[Any]:
        waits = await self._reading.store.waits(row.id)
        return [views.wait(one) for one in waits if one.wait.task and not one.answered]


def alike(failures: Sequence[Failure]) -> list[tuple[Failure, int]]:
    """The newest of the failed runs of one flow for one reason each, and how many there are."""
    counts = Counter((run["flow"], run["reason"]) for run in failures)
    newest = {(run["flow"], run["reason"]): run for run in reversed(failures)}
    return [(newest[key], times) for key, times in counts.items()]
