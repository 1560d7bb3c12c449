"""The doors to what is shown of many rows: what happens now, statistics, grids, the outbox,
sensors, the store, the settings in force, runs side by side."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from triphammer.service.store.looking import OutboxPage
from triphammer.service.web import looking_models as models
from triphammer.service.web.answer import Answer
from triphammer.service.web.openapi import Route, problems
from triphammer.service.web.overview import Overview
from triphammer.service.web.paging import MOST_BYTES, before
from triphammer.service.web.queries import Cursor, Limit

State = Literal["pending", "delivered", "dead", "skipped"] | None
Compared = Annotated[
    list[str],
    Query(min_length=2, max_length=6, description="Ids of the runs, or unique beginnings."),
]


def looking_api(overview: Overview) -> APIRouter:
    """The routes. They come before those of single runs: `/runs/compare` is none."""
    router = APIRouter(prefix="/api/v1", route_class=Route)
    _flow_routes(router, overview)
    _outbox_routes(router, overview)
    _daemon_routes(router, overview)

    @router.get("/runs/compare", tags=["runs"], responses=problems(404))
    async def compare_runs(run: Compared) -> Answer[models.Comparison]:
        """Runs side by side: what was given, what came out, how each task went."""
        return Answer(await overview.compare(run))

    return router


def _flow_routes(router: APIRouter, overview: Overview) -> None:
    @router.get("/flows/{name}/stats", tags=["flows"], responses=problems(404))
    async def flow_stats(
        name: str, last: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> Answer[models.FlowStats]:
        """How a flow has been doing: its `last` runs that have ended, and a year day by day."""
        return Answer(await overview.flow_stats(name, last))

    @router.get("/flows/{name}/grid", tags=["flows"], responses=problems(404))
    async def flow_grid(
        name: str,
        tasks: Annotated[int, Query(ge=1, le=500, description="Of each run at most.")] = 100,
        limit: Annotated[int, Query(ge=1, le=50, description="Runs a page.")] = 30,
        cursor: Cursor = None,
    ) -> Answer[models.Grid]:
        """The newest runs of a flow with the state of each of their tasks, maps as one."""
        grid = await overview.grid(name, runs=limit, tasks=tasks, before=before(cursor))
        return Answer(grid)


def _outbox_routes(router: APIRouter, overview: Overview) -> None:
    @router.get("/outbox", tags=["messages"])
    async def list_messages(
        state: State = None,
        kind: str | None = None,
        target: str | None = None,
        flow: str | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Answer[models.Outbox]:
        """Outgoing messages, newest first."""
        page = OutboxPage(
            limit=limit + 1,
            bytes=MOST_BYTES,
            before=before(cursor),
            state=state,
            kind=kind,
            target=target,
            flow=flow,
        )
        return Answer(await overview.outbox(page, limit))

    @router.get("/outbox/{id}", tags=["messages"], responses=problems(404))
    async def message_in_full(id: str) -> Answer[models.MessageInFull]:
        """One outgoing message with its content; secrets are masked."""
        return Answer(await overview.message(id))


def _daemon_routes(router: APIRouter, overview: Overview) -> None:
    @router.get("/stats", tags=["daemon"])
    async def show_stats() -> Answer[models.Stats]:
        """What happens now: runs, events, messages, next fires, and what does not work."""
        return Answer(await overview.stats())

    @router.get("/sensors", tags=["daemon"])
    async def list_sensors() -> Answer[models.Sensors]:
        """All sensors: how far each has come, how far it is behind, what it has brought last."""
        return Answer(await overview.sensors())

    @router.get("/store", tags=["store"])
    async def show_store() -> Answer[models.StoreState]:
        """How large the database is, what it holds and for how long."""
        return Answer(await overview.store_state())

    @router.get("/settings", tags=["daemon"])
    async def show_settings() -> Answer[models.SettingsInForce]:
        """The settings in force and where each came from; secrets are masked."""
        return Answer(overview.settings())
