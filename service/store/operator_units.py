"""What operators do to runs, as units and rows of the store: part of its contract."""

from __future__ import annotations

import msgspec

from triphammer.flows.journal import ErrorInfo, TaskRow


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator does to a run, for those who ask later: who, when, what and how.

    With a `key` it is done once for the run.
    """

    run: str
    at: int
    by: str
    what: str
    detail: str = ""
    key: str | None = None


class RetryRun(msgspec.Struct, frozen=True, kw_only=True):
    """Let a run that has ended begin again, in its next epoch: `queued`, in the place of its
    order that it holds, else behind those that hold its key. `anew` are its tasks that run
    again, the others keep their results.

    Outcome: False, and nothing is stored, unless the run has ended in this `epoch` and was not
    redriven, and the operation's key is new.
    """

    operation: Operation
    epoch: int
    anew: tuple[str, ...] = ()


class MarkTask(msgspec.Struct, frozen=True, kw_only=True):
    """Say how a task of a run that has ended is to count: `row` takes the place of its own. What
    it stands inside of, `anew`, is to be concluded again when the run goes on.

    Outcome as `RetryRun`; the run is in its next epoch.
    """

    operation: Operation
    epoch: int
    row: TaskRow
    anew: tuple[str, ...] = ()


class MarkRun(msgspec.Struct, frozen=True, kw_only=True):
    """Say how a run that has ended is to count: succeeded or failed. It holds its key no more.

    Outcome as `RetryRun`; the run is in its next epoch.
    """

    operation: Operation
    epoch: int
    state: str
    error: ErrorInfo | None = None


class Annotate(msgspec.Struct, frozen=True, kw_only=True):
    """Note what was done to a run; give it a note (None: leave it) and tags, or take these away.

    Outcome: False, and nothing is stored, if there is no such run, the operation's key is known,
    or it would have more tags than `TAGS`.
    """

    operation: Operation
    note: str | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


TAGS = 50
"""As many tags may a run have."""


class OperationRow(msgspec.Struct, frozen=True):
    """What an operator has done to a run, and the idempotency key that it was asked for with."""

    at: int
    by: str
    what: str
    detail: str
    key: str | None


OperatorUnit = RetryRun | MarkTask | MarkRun | Annotate
