"""The API's verbs for runs: cancel and retry."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from triphammer.service.dispatcher.retry import Asked
from triphammer.service.errors import UnknownRun
from triphammer.service.operations import Operations
from triphammer.service.web import models
from triphammer.service.web.answer import Answer
from triphammer.service.web.openapi import Route, problems
from triphammer.service.web.reading import Reading

Key = Annotated[str | None, Header(description="What was done with the same key is done once.")]
By = Annotated[
    str | None,
    Header(
        alias="Triphammer-By",
        max_length=200,
        description="Who asks: shown with what was done to the run.",
    ),
]


class RetryBody(BaseModel):
    """What runs again: by default all of it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    since: str | None = Field(
        default=None,
        alias="from",
        description="A task (`load`), an item (`enrich[17]`) or a task inside one "
        "(`shop[3]/load`): it and all behind it.",
    )
    failed_only: bool = Field(
        default=False,
        description="Only what failed or was cut off, of maps these items, and all behind it.",
    )


def asked(by: str | None, key: str | None) -> Asked:
    """Who asks, for the record."""
    return Asked(by=by or "api", key=key)


def operating_api(operations: Operations, reading: Reading) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", route_class=Route, tags=["runs"])

    @router.post("/runs/{id}/cancel", responses=problems(404, 409))
    async def cancel_run(id: str) -> Answer[models.RunInFull]:
        """End a run that is queued or under way; 409 when it has ended."""
        await operations.cancel(await reading.full_id(id, UnknownRun))
        return Answer(await reading.run(id))

    @router.post("/runs/{id}/retry", responses=problems(404, 409))
    async def retry_run(
        id: str,
        body: RetryBody | None = None,
        idempotency_key: Key = None,
        by: By = None,
    ) -> Answer[models.RunInFull]:
        """Let a run that has ended begin again, as the version it began with; results of tasks
        that do not run again are kept. 409 while it is under way."""
        what, run = body or RetryBody(), await reading.full_id(id, UnknownRun)
        await operations.retry(
            run, asked(by, idempotency_key), since=what.since, failed_only=what.failed_only
        )
        return Answer(await reading.run(run))

    return router
