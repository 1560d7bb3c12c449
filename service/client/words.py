"""Words and moments that calls take."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

RunState = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled", "superseded"]
ENDED = ("succeeded", "failed", "cancelled", "superseded")
"""The states of a run that goes on no more."""
RunMark = Literal["succeeded", "failed"]
TaskMark = Literal["succeeded", "failed", "skipped"]
DeadKind = Literal["message", "run", "event", "record"]
MessageState = Literal["pending", "delivered", "dead", "skipped"]
Order = Literal["oldest", "newest"]
Only = Literal["missing", "failed"]
Scope = Literal["read", "emit", "operate", "admin"]
When = str | datetime
"""A time: RFC 3339, or a datetime (one without a zone is in UTC)."""


def moment(when: When | None) -> str | None:
    """As the API takes it."""
    return when.isoformat() if isinstance(when, datetime) else when
