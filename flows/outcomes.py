"""How what came before has ended: items of a map (`errors="collect"`), upstream tasks."""

from __future__ import annotations

from typing import Any, Generic

import msgspec
from typing_extensions import TypeVar

from triphammer.flows.journal import ErrorInfo

T = TypeVar("T", default=Any)
UPSTREAM_FAILED = "UpstreamFailed"
"""The type of error of a task that an upstream's failure keeps from running."""


class Ok(msgspec.Struct, Generic[T], frozen=True, tag=True):
    """The item's task succeeded with `value`."""

    value: T


class Ended(msgspec.Struct, frozen=True):
    """How a task has ended. `state`: succeeded, failed, skipped or cancelled.

    `at` is when (microseconds UTC). `error` is why it failed, or (type `UpstreamFailed`) why it
    could not run; of a skipped wait what ended it.
    """

    state: str
    error: ErrorInfo | None = None
    at: int = 0

    @property
    def unsuccessful(self) -> bool:
        """Whether it failed, itself or because of one before it."""
        if self.state == "skipped":
            return self.error is not None and self.error.type == UPSTREAM_FAILED
        return self.error is not None


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The item's task failed for good after `attempts` attempts with `error`."""

    item: Any
    error: ErrorInfo
    attempts: int
