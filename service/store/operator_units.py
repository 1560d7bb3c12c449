"""What operators do to runs, as units and rows of the store: part of its contract."""

from __future__ import annotations

import msgspec


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


class OperationRow(msgspec.Struct, frozen=True):
    """What an operator has done to a run, and the idempotency key that it was asked for with."""

    at: int
    by: str
    what: str
    detail: str
    key: str | None


OperatorUnit = RetryRun
