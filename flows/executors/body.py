"""Runs the body of an attempt in the thread that calls it."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable
from typing import Any

from triphammer.flows.context import enter_context
from triphammer.flows.executors.contract import Attempt, AttemptResult
from triphammer.flows.executors.outcome import Ended, failure, success

Wait = Callable[[Awaitable[Any]], Any]
"""Waits for a coroutine in this thread, and gives its value."""


def run_body(
    attempt: Attempt, started: int, now: Callable[[], int], ended: Ended, wait: Wait | None = None
) -> AttemptResult:
    """What becomes of `attempt`, in a context of its own. `wait` is for coroutine bodies."""
    return contextvars.Context().run(partial(_run, attempt, started, now, ended, wait))


def _run(
    attempt: Attempt, started: int, now: Callable[[], int], ended: Ended, wait: Wait | None
) -> AttemptResult:
    attempt.context.begin(started, attempt.timeout)
    enter_context(attempt.context)
    try:
        value = attempt.body()
        if wait is not None and isawaitable(value):
            value = wait(value)
        return success(attempt, started, now(), attempt.encode(value))
    # Seam to user code: a task may raise anything, SystemExit included.
    except BaseException as error:  # noqa: BLE001
        return failure(attempt, started, now(), error)
    finally:
        ended(attempt.context)
