"""The API's verbs for runs: cancel, retry, mark, annotate."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from triphammer.service.access.scopes import LOCAL, NOBODY, caller_of
from triphammer.service.dispatcher.marking import RunMark, TaskMark
from triphammer.service.dispatcher.retry import Asked
from triphammer.service.errors import UnknownRun
from triphammer.service.operations import Operations
from triphammer.service.store.operator_units import TAGS
from triphammer.service.web import models
from triphammer.service.web.answer import Answer
from triphammer.service.web.openapi import Route, problems
from triphammer.service.web.reading import Reading

Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="What was done with the same key is done once."),
]
By = Annotated[
    str | None,
    Header(
        alias="Triphammer-By",
        max_length=200,
        description="Who asks: shown with what was done to the run.",
    ),
]


class CancelBody(BaseModel):
    """How a run is ended."""

    model_config = ConfigDict(extra="forbid", strict=True)

    now: bool = Field(default=False, description="Without its teardowns, which are cut off, too.")


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


class MarkBody(BaseModel):
    """How a task is to count."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: TaskMark
    result: Any = Field(default=None, description="What it gives, where it succeeded.")
    reason: str = Field(default="", max_length=1000)


class MarkRunBody(BaseModel):
    """How a run is to count."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: RunMark
    reason: str = Field(default="", max_length=1000)


# What counts as white space differs from one kind of regular expression to the other, but for
# controls and the byte order mark: those are named.
Tag = Annotated[str, Field(pattern=r"^[^\s,\x00-\x1f\x7f-\x9f\ufeff]{1,100}$")]


class AnnotateBody(BaseModel):
    """What is noted of a run; what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    note: str | None = Field(default=None, max_length=10_000, description="An empty one is none.")
    add_tags: list[Tag] = Field(default_factory=list[str], max_length=TAGS)
    remove_tags: list[Tag] = Field(default_factory=list[str])


class AnswerBody(BaseModel):
    """What somebody answers to an approval."""

    model_config = ConfigDict(extra="forbid", strict=True)

    by: str | None = Field(
        default=None, max_length=200, description="Who answers; of a token its name counts."
    )
    form: dict[str, Any] | None = Field(
        default=None, description="The fields of the form, where the approval has one."
    )
    reason: str = Field(default="", max_length=1000)


def asked(request: Request, key: Key = None, by: By = None) -> Asked:
    """Who asks, for the record: of a token its name."""
    caller = caller_of(request.scope)
    name = by or "api" if caller in (LOCAL, NOBODY) else caller.name
    return Asked(by=name, key=key)


def asked_on_page(request: Request) -> Asked:
    """Who asks by a page of the console."""
    caller = caller_of(request.scope)
    return Asked(by="console" if caller in (LOCAL, NOBODY) else caller.name)


Who = Annotated[Asked, Depends(asked)]


def operating_api(operations: Operations, reading: Reading) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", route_class=Route, tags=["runs"])
    _ending(router, operations, reading)
    _marking(router, operations, reading)
    _approving(router, operations, reading)
    return router


def _ending(router: APIRouter, operations: Operations, reading: Reading) -> None:
    @router.post("/runs/{id}/cancel", responses=problems(404, 409))
    async def cancel_run(
        id: str, who: Who, body: CancelBody | None = None
    ) -> Answer[models.RunInFull]:
        """End a run that is queued or under way; 409 when it has ended."""
        now = body is not None and body.now
        await operations.cancel(await reading.full_id(id, UnknownRun), who, now=now)
        return Answer(await reading.run(id))

    @router.post("/runs/{id}/retry", responses=problems(404, 409))
    async def retry_run(
        id: str, who: Who, body: RetryBody | None = None
    ) -> Answer[models.RunInFull]:
        """Let a run that has ended begin again, as the version it began with; results of tasks
        that do not run again are kept. 409 while it is under way."""
        what, run = body or RetryBody(), await reading.full_id(id, UnknownRun)
        await operations.retry(run, who, since=what.since, failed_only=what.failed_only)
        return Answer(await reading.run(run))


def _marking(router: APIRouter, operations: Operations, reading: Reading) -> None:
    @router.post("/runs/{id}/tasks/{task:path}/mark", responses=problems(404, 409))
    async def mark_task(id: str, task: str, who: Who, body: MarkBody) -> Answer[models.RunInFull]:
        """Let a task, or an item of a map, count as succeeded, failed or skipped: of a run under
        way at once, of one that has ended when it is retried."""
        run = await reading.full_id(id, UnknownRun)
        await operations.mark_task(
            run, task, body.state, who, result=body.result, reason=body.reason
        )
        return Answer(await reading.run(run))

    @router.post("/runs/{id}/mark", responses=problems(404, 409))
    async def mark_run(id: str, who: Who, body: MarkRunBody) -> Answer[models.RunInFull]:
        """Let a run that has ended count as succeeded or failed; nothing runs by it."""
        run = await reading.full_id(id, UnknownRun)
        await operations.mark_run(run, body.state, who, reason=body.reason)
        return Answer(await reading.run(run))

    @router.patch("/runs/{id}", responses=problems(404, 409))
    async def annotate_run(id: str, who: Who, body: AnnotateBody) -> Answer[models.RunInFull]:
        """Note something of a run, tag it, or take tags away."""
        run = await reading.full_id(id, UnknownRun)
        await operations.annotate(
            run, who, note=body.note, add=body.add_tags, remove=body.remove_tags
        )
        return Answer(await reading.run(run))


def _approving(router: APIRouter, operations: Operations, reading: Reading) -> None:
    async def answer(
        id: str, task: str, request: Request, who: Asked, body: AnswerBody | None, approved: bool
    ) -> Answer[models.RunInFull]:
        run, given = await reading.full_id(id, UnknownRun), body or AnswerBody()
        if given.by and caller_of(request.scope) in (LOCAL, NOBODY):
            who = Asked(by=given.by, key=who.key)
        await operations.answer(
            run, task, who, approved=approved, form=given.form, reason=given.reason
        )
        return Answer(await reading.run(run))

    @router.post("/runs/{id}/tasks/{task:path}/approve", responses=problems(404, 409))
    async def approve_task(
        id: str, task: str, request: Request, who: Who, body: AnswerBody | None = None
    ) -> Answer[models.RunInFull]:
        """Approve what a task asks for, with its form filled in. 409 when it was answered, or asks
        for nothing (yet); 422 names the fields that are wrong."""
        return await answer(id, task, request, who, body, True)

    @router.post("/runs/{id}/tasks/{task:path}/reject", responses=problems(404, 409))
    async def reject_task(
        id: str, task: str, request: Request, who: Who, body: AnswerBody | None = None
    ) -> Answer[models.RunInFull]:
        """Reject what a task asks for: it is skipped, and what stands behind it."""
        return await answer(id, task, request, who, body, False)
