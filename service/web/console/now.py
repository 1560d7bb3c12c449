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
from triphammer.service.web import models, views
from triphammer.service.web.console.progress import Progress, has_items, progress
from triphammer.service.web.pages import Pages
from triphammer.service.web.paging import MOST_BYTES
from triphammer.service.web.reading import Reading

UNDER_WAY = 12
"""Runs that run, and as many that wait, that the page shows."""
FAILED = 24
"""Runs that failed last; those that failed alike are shown as one."""
RECENT = 10
TASKS = 200
"""Tasks of a run that are looked at to tell how far it is."""
SENSOR = "sensor "
"""What the names of parts begin with that are sensors."""


class NowPage:
    """The first page. Each of its reads is of so many rows at most, by an index."""

    def __init__(self, reading: Reading, health: Health, pages: Pages) -> None:
        self._reading = reading
        self._health = health
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/", self.now)]

    async def now(self, request: Request) -> Response:
        """Everything that one wants to see first."""
        store = self._reading.store
        running, waiting = await self._runs("running"), await self._runs("waiting")
        recent = await store.runs(Page(limit=RECENT, bytes=MOST_BYTES))
        parts = sorted(self._health.parts().items())
        return self._pages.page(
            "now.html",
            errors=self._reading.load_errors,
            flows=len(self._reading.flow_names),
            runs=await self._counts(),
            messages=await store.outbox_counts(),
            running=[(views.run(row), await self._progress(row)) for row in running],
            waiting=[(views.run(row), await self._waits(row)) for row in waiting],
            failures=alike([views.run(row) for row in await store.last_failures(FAILED)]),
            recent=[views.run(row) for row in recent],
            fires=self._reading.next_fires(UNDER_WAY),
            sensors=[(n.removeprefix(SENSOR), p) for n, p in parts if n.startswith(SENSOR)],
            parts=[(name, part) for name, part in parts if not name.startswith(SENSOR)],
        )

    async def _runs(self, state: str) -> Sequence[RunRow]:
        page = Page(limit=UNDER_WAY, bytes=MOST_BYTES, state=state)
        return await self._reading.store.runs(page)

    async def _counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for by_state in (await self._reading.store.run_counts()).values():
            counts.update(by_state)
        return counts

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


def alike(runs: Sequence[models.Run]) -> list[tuple[models.Run, int]]:
    """The newest of the failed runs of one flow with one error each, and how many there are."""
    counts: Counter[tuple[str, str]] = Counter()
    newest: dict[tuple[str, str], models.Run] = {}
    for run in runs:
        key = run["flow"], run["error"]["message"] if run["error"] else ""
        counts[key] += 1
        newest.setdefault(key, run)
    return [(run, counts[key]) for key, run in newest.items()]
