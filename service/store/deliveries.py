"""Units about messages of the outbox and their endpoints; part of `service.store.contract`."""

from __future__ import annotations

from typing import Protocol

import msgspec


class OutboxResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a delivery: state `pending` (again at `due_at`), `delivered`, `dead`.

    `trying_since`: from when on its time counts until it is given up; None as before.
    """

    id: str
    state: str
    attempts: int
    due_at: int | None = None
    trying_since: int | None = None
    error: str | None = None
    at: int = 0


class RedriveMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Give a dead message a new life: pending at once, in its old place of its key's line.

    Its endpoint is enabled again. Outcome: whether it was dead.
    """

    id: str
    at: int


class SkipMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Never send a dead message: what waits behind it goes on. Outcome: whether it was dead."""

    id: str


class DisableEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Send nothing more to `target`. Outcome: whether it was enabled."""

    target: str
    reason: str
    at: int


class EnableEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Send to `target` again. Outcome: whether it was disabled."""

    target: str


class BringForward(msgspec.Struct, frozen=True, kw_only=True):
    """Messages to `target` that wait for a later try are due at `at`: it accepts again.

    Outcome: how many.
    """

    target: str
    at: int


class DeliveryReads(Protocol):
    """What can be asked about all messages together."""

    async def outbox_oldest(self) -> int | None:
        """When the oldest message that is pending was made."""
        ...
