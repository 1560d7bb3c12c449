"""What `errors="collect"` makes of each item of a map."""

from __future__ import annotations

from typing import Any, Generic

import msgspec
from typing_extensions import TypeVar

from triphammer.flows.journal import ErrorInfo

T = TypeVar("T", default=Any)


class Ok(msgspec.Struct, Generic[T], frozen=True, tag=True):
    """The item's task succeeded with `value`."""

    value: T


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The item's task failed for good after `attempts` attempts with `error`."""

    item: Any
    error: ErrorInfo
    attempts: int
