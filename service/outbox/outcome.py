"""What became of one attempt to deliver a message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """The target has accepted it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now, for `reason`. `after`: seconds that the target asked to wait, if it did.

    `unreachable`: the message was not even judged (the broker is down or not configured):
    such attempts stay close together and never make a dead letter. `refused`: the target
    works, and did not want this one message.
    """

    reason: str
    after: float | None = None
    unreachable: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Dead:
    """Never: trying again would end the same way. `gone`: nor does the target want others."""

    reason: str
    gone: bool = False


Outcome = Delivered | Retry | Dead
