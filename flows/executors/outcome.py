"""From what a body did to what is reported: results, errors without the house's own frames."""

from __future__ import annotations

import traceback
from asyncio import CancelledError
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from triphammer.config.errors import TriphammerError
from triphammer.flows.context import TaskContext
from triphammer.flows.errors import AttemptTimeout, Fail, ResourceFailed, Skip, ValueMisfit
from triphammer.flows.executors.contract import Attempt, AttemptResult
from triphammer.flows.executors.kinds import kinds_of
from triphammer.flows.journal import Encoded, ErrorInfo

Ended = Callable[[TaskContext], None]
"""Told in the executor's thread that an attempt has ended: its log is complete."""

LONGEST_MESSAGE = 10_000
LONGEST_TRACEBACK = 50_000

_FLOWS = str(Path(__file__).parent.parent)


def nothing_more(context: TaskContext) -> None:
    """The `Ended` of an executor whose attempts are not captured."""


def success(attempt: Attempt, started: int, finished: int, value: Encoded) -> AttemptResult:
    """The attempt returned; what it asked to be sent and written goes with its result."""
    context = attempt.context
    return AttemptResult(
        id=attempt.id,
        started_at=started,
        finished_at=finished,
        value=value,
        outbox=tuple(context.outgoing),
        starts=tuple(context.starts),
        state_writes=context.state.writes,
        kept=tuple(context.kept),
        progress=context.reached,
    )


def failure(attempt: Attempt, started: int, finished: int, error: BaseException) -> AttemptResult:
    """The attempt raised; a misfit would come again, so it is not retried."""
    info = describe(error, attempt.context.secrets.mask)
    skipped = isinstance(error, Skip)
    return AttemptResult(
        id=attempt.id,
        started_at=started,
        finished_at=finished,
        error=ErrorInfo(info.type, info.message) if skipped else info,
        retryable=not isinstance(error, (ValueMisfit, Skip, Fail)),
        skipped=skipped,
        kinds=_kinds(error),
        progress=attempt.context.reached,
    )


def _kinds(error: BaseException) -> tuple[str, ...]:
    """What `retry_on=` may name: of a resource that cannot be opened also why it cannot."""
    if isinstance(error, ResourceFailed):
        return (*kinds_of(type(error)), *kinds_of(type(error.cause)))
    return () if isinstance(error, TriphammerError) else kinds_of(type(error))


def refusal(
    attempt: Attempt, now: int, error: BaseException, *, retryable: bool = False
) -> AttemptResult:
    """The attempt cannot begin."""
    info = describe(error, attempt.context.secrets.mask)
    return AttemptResult(
        id=attempt.id, started_at=now, finished_at=now, error=info, retryable=retryable
    )


def timed_out(
    attempt: Attempt, started: int, finished: int, *, still_running: bool = False
) -> AttemptResult:
    """The attempt took longer than its timeout."""
    text = f"the attempt took longer than its timeout of {attempt.timeout:g} s"
    if still_running:
        text += "; its code goes on, since a thread cannot be killed: its slot stays taken"
    return AttemptResult(
        id=attempt.id,
        started_at=started,
        finished_at=finished,
        error=ErrorInfo(AttemptTimeout.__name__, text),
        kinds=(*kinds_of(AttemptTimeout), *kinds_of(TimeoutError)),
        still_running=still_running,
        progress=attempt.context.reached,
    )


def cancellation(
    attempt: Attempt, started: int, finished: int, *, still_running: bool = False
) -> AttemptResult:
    """The engine cancelled the attempt."""
    return AttemptResult(
        id=attempt.id,
        started_at=started,
        finished_at=finished,
        error=ErrorInfo("Cancelled", "the attempt was cancelled"),
        retryable=False,
        cancelled=True,
        still_running=still_running,
    )


def describe(error: BaseException, mask: Callable[[str], str]) -> ErrorInfo:
    """The error as stored: masked, bounded, its traceback beginning in the user's code."""
    try:
        message = str(error) or _unnamed(error)
    # Seam to user code: a broken __str__ must not hide that the task failed.
    except Exception as broken:  # noqa: BLE001
        message = f"its message cannot be shown: {type(broken).__name__}"
    frames = user_frames(error)
    try:
        trace = "".join(traceback.format_exception(type(error), error, frames))
    except Exception as broken:  # noqa: BLE001 - the same seam: __str__ once more
        trace = f"its traceback cannot be shown: {type(broken).__name__}\n"
    return ErrorInfo(
        type(error).__qualname__,
        mask(message)[:LONGEST_MESSAGE],
        mask(trace)[-LONGEST_TRACEBACK:],
    )


def _unnamed(error: BaseException) -> str:
    if isinstance(error, CancelledError):
        return "the task's own code cancelled it"
    return f"a {type(error).__qualname__} without a message"


def user_frames(error: BaseException) -> TracebackType | None:
    """The traceback without the frames of executor and engine on top of the user's.

    None for our own words about the user's values: our frames would only hide them.
    """
    trace = inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_FLOWS):
        inner = inner.tb_next
    if inner is None and isinstance(error, (TriphammerError, LookupError)):
        return None
    return trace if inner is None else inner
