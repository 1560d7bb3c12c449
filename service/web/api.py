"""The API under `/api/v1`: reads from the store, verbs through the operations."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from triphammer.flows.engine.breakers import BreakerCount
from triphammer.sensors.headers import Headers
from triphammer.sensors.tracing import in_headers
from triphammer.service.errors import UnknownEvent
from triphammer.service.operations import Operations
from triphammer.service.store.contract import Page
from triphammer.service.store.looking import EventSearch
from triphammer.service.web import models, views
from triphammer.service.web.answer import Answer
from triphammer.service.web.openapi import Route, problems
from triphammer.service.web.operating import Who
from triphammer.service.web.paging import MOST_BYTES, before, micros, page_of
from triphammer.service.web.queries import Cursor, Limit, Moment
from triphammer.service.web.reading import Reading

MOST = 2**63 - 1
"""What a column of the store holds."""


class StartBody(BaseModel):
    """What to run a flow with."""

    model_config = ConfigDict(extra="forbid", strict=True)

    params: dict[str, Any] = Field(default_factory=dict[str, Any])
    event: str | None = Field(default=None, description="Key of a stored event to run on.")


def api(operations: Operations, reading: Reading) -> APIRouter:
    """The routes of the API."""
    router = APIRouter(prefix="/api/v1", route_class=Route)
    _flow_routes(router, operations, reading)
    _run_routes(router, reading)
    _event_routes(router, reading)
    _message_routes(router, reading)
    _store_routes(router, operations)
    return router


def _flow_routes(router: APIRouter, operations: Operations, reading: Reading) -> None:
    @router.get("/flows", tags=["flows"])
    async def list_flows() -> Answer[models.Flows]:
        """All flows that serve now, those that were removed, and what is wrong with flow files."""
        return Answer(await reading.all_flows())

    @router.get("/breakers", tags=["flows"])
    async def list_breakers() -> Answer[models.CircuitBreakers]:
        """The circuit breakers of tasks, and how each stands."""
        items = [_breaker(name, count) for name, count in operations.breakers().items()]
        return Answer({"items": items, "next": None})

    @router.get("/flows/{name}", tags=["flows"], responses=problems(404))
    async def show_flow(name: str) -> Answer[models.FlowInFull]:
        """One flow with its graph."""
        return Answer(await reading.flow(name))

    @router.post(
        "/flows/{name}/runs", status_code=202, tags=["flows"], responses=problems(404, 409)
    )
    async def start_run(
        name: str, who: Who, request: Request, body: StartBody | None = None
    ) -> Answer[models.RunInFull]:
        """Start a run; the same `Idempotency-Key` starts it once."""
        asked = body or StartBody()
        event = None if asked.event is None else (await reading.stored_event(asked.event)).event
        trace = in_headers(Headers(request.headers))
        accepted = await operations.start(
            name, asked.params, by=who.by, key=who.key, event=event, trace=trace
        )
        return Answer(await reading.run_of(accepted), status_code=202)

    @router.post("/flows/{name}/pause", tags=["flows"], responses=problems(404))
    async def pause_flow(name: str) -> Answer[models.FlowInFull]:
        """Begin no more runs of the flow; events are taken and their runs wait."""
        await operations.pause(name)
        return Answer(await reading.flow(name))

    @router.post("/flows/{name}/resume", tags=["flows"], responses=problems(404))
    async def resume_flow(name: str) -> Answer[models.FlowInFull]:
        """Begin runs again, the waiting ones first."""
        await operations.resume(name)
        return Answer(await reading.flow(name))


def _breaker(name: str, count: BreakerCount) -> models.CircuitBreaker:
    return {
        "name": name,
        "state": count.state,
        "failures": count.failures,
        "waiting": count.waiting,
        "until": views.moment(count.until),
    }


RunState = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled", "superseded"]


def _run_routes(router: APIRouter, reading: Reading) -> None:
    @router.get("/runs", tags=["runs"])
    async def list_runs(
        flow: str | None = None,
        state: RunState | None = None,
        event: str | None = None,
        tag: str | None = None,
        since: Moment = None,
        until: Moment = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Answer[models.Runs]:
        """Runs, newest first."""
        page = Page(
            limit=limit + 1,
            bytes=MOST_BYTES,
            before=before(cursor),
            flow=flow,
            state=state,
            event=event,
            tag=tag,
            since=micros(since, "since"),
            until=micros(until, "until"),
        )
        return Answer(page_of(await reading.store.runs(page), limit, views.run))

    @router.get("/runs/{id}", tags=["runs"], responses=problems(404))
    async def show_run(
        id: str,
        tasks: Annotated[str | None, Query(pattern="^all$")] = None,
        limit: Limit = 500,
        after: Annotated[str | None, Query(description="Name of the last task seen.")] = None,
    ) -> Answer[models.RunInFull]:
        """One run with its tasks; maps are summarised unless `tasks=all`."""
        return Answer(await reading.run(id, every_item=tasks == "all", limit=limit, after=after))

    @router.get("/runs/{id}/logs", tags=["runs"], responses=problems(404))
    async def run_logs(
        id: str,
        task: str | None = None,
        attempt: Annotated[int | None, Query(ge=0, le=MOST)] = None,
        after: Annotated[int, Query(ge=0, le=MOST)] = 0,
        limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    ) -> Answer[models.Logs]:
        """Captured lines in order; `after` is the `seq` of the last line seen."""
        return Answer(await reading.logs(id, task=task, attempt=attempt, after=after, limit=limit))

    @router.get("/runs/{id}/tasks/{task:path}/result", tags=["runs"], responses=problems(404))
    async def task_result(id: str, task: str) -> Answer[models.TaskResult]:
        """The result of one task by its name, or of one item: `enrich[17]`."""
        return Answer(await reading.task_result(id, task))

    @router.get("/runs/{id}/artifacts", tags=["runs"], responses=problems(404))
    async def run_artifacts(
        id: str, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000
    ) -> Answer[models.Artifacts]:
        """The files that the run's tasks have kept, in order."""
        return Answer(await reading.artifacts_of(id, limit))

    @router.get("/runs/{id}/stored", tags=["runs"], responses=problems(404))
    async def stored_tasks(
        id: str,
        limit: Limit = 500,
        after: Annotated[str | None, Query(description="Name of the last task seen.")] = None,
    ) -> Answer[models.StoredTasks]:
        """The tasks of a run with their results as they are stored: what it takes to repeat one
        of them elsewhere."""
        return Answer(await reading.stored_tasks(id, limit=limit, after=after))


def _message_routes(router: APIRouter, reading: Reading) -> None:
    @router.get("/messages/{id}", tags=["messages"], responses=problems(404))
    async def show_message(id: str) -> Answer[models.Message]:
        """One outgoing message and how often it was tried since its last redrive."""
        return Answer(await reading.message(id))


def _store_routes(router: APIRouter, operations: Operations) -> None:
    @router.post("/prune", tags=["store"], responses=problems(409))
    async def prune(dry_run: bool = False, folder: str | None = None) -> Answer[models.Pruned]:
        """Remove at once what `[retention]` no longer keeps; `dry_run` only counts it. 409
        when the data folder is not the `folder` that is meant."""
        swept = msgspec.structs.asdict(await operations.prune(dry=dry_run, folder=folder))
        return Answer(cast("models.Pruned", swept))


def _event_routes(router: APIRouter, reading: Reading) -> None:
    @router.get("/events", tags=["events"])
    async def list_events(
        type: str | None = None,
        source: str | None = None,
        subject: Annotated[str | None, Query(description="Its beginning.")] = None,
        q: Annotated[str | None, Query(max_length=1000, description="Text in the data.")] = None,
        since: Moment = None,
        until: Moment = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Answer[models.Events]:
        """Events, newest first. A search by more than one of these looks at some thousands a page:
        it may find none and have a `next` page all the same; `searched_to` says how far it is."""
        asked = EventSearch(
            limit=limit,
            bytes=MOST_BYTES,
            before=before(cursor),
            type=type,
            source=source,
            subject=subject or None,
            text=q or None,
            since=micros(since, "since"),
            until=micros(until, "until"),
        )
        return Answer(await reading.events(asked))

    @router.get("/events/{key}", tags=["events"], responses=problems(404))
    async def show_event(key: str) -> Answer[models.EventInFull]:
        """One event with each subscription's disposition."""
        return Answer(await reading.event(await reading.full_id(key, UnknownEvent)))
