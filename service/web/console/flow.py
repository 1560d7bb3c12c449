"""`/flows/{name}`: one flow: what starts it, its graph, how its runs went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.config.clock import Clock
from triphammer.sensors.times import utc
from triphammer.service.access.scopes import caller_of
from triphammer.service.web import models, views
from triphammer.service.web.drawing import draw
from triphammer.service.web.forms import NO_FAULTS, Field, fields
from triphammer.service.web.graph_data import graph_data
from triphammer.service.web.heat_map import first_day, heat_map, start_of
from triphammer.service.web.pages import Pages
from triphammer.service.web.reading import Reading
from triphammer.service.web.run_grid import LOOKED_AT, MOST_RUNS, run_grid
from triphammer.service.web.trend import trend_data, trend_of

TREND = 100
"""Ended runs that the figures and the chart of durations are of."""
FAILURES = 5
"""Failed runs that the page shows with their errors."""


class FlowPage:
    """One flow."""

    def __init__(self, reading: Reading, pages: Pages, clock: Clock) -> None:
        self._reading = reading
        self._pages = pages
        self._clock = clock

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/flows/{name}", self.flow)]

    async def flow(self, request: Request) -> Response:
        """One flow; its form shows what the address gives for parameters, so that it can be
        linked to filled in."""
        flow = await self._reading.flow(request.path_params["name"])
        form = fields(flow["params_schema"], request.query_params, {})
        return await self._page(flow, form, operates=caller_of(request.scope).may("operate"))

    async def refilled(
        self, name: str, given: Mapping[str, str], faults: Mapping[str, str]
    ) -> Response:
        """The page with its form as it was sent, and what is wrong with it."""
        flow = await self._reading.flow(name)
        form = fields(flow["params_schema"], given, faults)
        address = f"/flows/{quote(name)}"
        return await self._page(flow, form, faults, operates=True, status=422, address=address)

    async def _page(
        self,
        flow: models.FlowInFull,
        form: Sequence[Field],
        faults: Mapping[str, str] = NO_FAULTS,
        *,
        operates: bool,
        status: int = 200,
        address: str = "",
    ) -> Response:
        others = [fault for name, fault in faults.items() if name not in flow["params"]]
        return self._pages.page(
            "flow.html",
            status=status,
            address=address,
            flow=flow,
            drawing=draw(flow["graph"]["nodes"], None),
            graph_data=graph_data(flow["graph"]["nodes"]),
            form=form,
            others=others,
            events="/events?" + urlencode(self._reading.events_for(flow["name"])),
            operates=operates,
            **await self._history(flow),
        )

    async def _history(self, flow: models.FlowInFull) -> dict[str, Any]:
        """How the runs of a flow went: each part of it is bounded."""
        name, store = flow["name"], self._reading.store
        stats = (await store.flow_stats([name], TREND))[name]
        today = self._today()
        days = await store.daily_counts(name, start_of(first_day(today)))
        runs = await store.task_grid(name, runs=MOST_RUNS, tasks=LOOKED_AT)
        failed = await store.last_failures(FAILURES, flow=name)
        return {
            "stats": stats,
            "trend": trend_of(stats),
            "trend_data": trend_data(stats),
            "calendar": heat_map(days, today),
            "grid": run_grid([node["name"] for node in flow["graph"]["nodes"]], runs),
            "failures": [views.run(row) for row in failed],
        }

    def _today(self) -> date:
        return utc(self._clock.now()).date()
