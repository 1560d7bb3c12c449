"""What answers of every kind are made of: moments, states, pages, problems."""

from __future__ import annotations

from typing import Annotated, Generic, NotRequired, TypedDict, TypeVar

from msgspec import Meta

T = TypeVar("T")

RUN_STATES = ("queued", "running", "waiting", "succeeded", "failed", "cancelled", "superseded")
MESSAGE_STATES = ("pending", "delivered", "dead", "skipped")
TASK_STATES = (*RUN_STATES, "pending", "retrying", "skipped")

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
RunState = Annotated[str, Meta(extra_json_schema={"enum": list(RUN_STATES)})]
TaskState = Annotated[str, Meta(extra_json_schema={"enum": list(TASK_STATES)})]
MessageState = Annotated[str, Meta(extra_json_schema={"enum": list(MESSAGE_STATES)})]
Next = Annotated[str | None, Meta(description="`cursor` of the next page, null on the last.")]


class Page(TypedDict, Generic[T]):
    """Rows, newest first, and where the next ones begin."""

    items: list[T]
    next: Next


class Misfit(TypedDict):
    """One thing that is wrong with a request."""

    where: str
    problem: str


class Problem(TypedDict):
    """A problem document (RFC 9457). `detail` says what is wrong and what to do."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[Misfit]]
