"""When a delivery that failed is tried again, and when it is given up: plain arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Self

from triphammer.config.settings import OutboxSettings
from triphammer.service.outbox.outcome import Dead, Delivered, Outcome
from triphammer.service.store.contract import OutboxResult, OutboxRow

MICROS = 1_000_000
UNREACHABLE_CAP = 5.0
"""Seconds at most between two tries at a broker that cannot be reached: once it is back, what
waits is to go within seconds."""
LONGEST_WISH = 86_400.0
"""Seconds that a target's `Retry-After` can put a message off at most."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Waiting times in seconds: `first * factor ** n`, at most `cap`, half of it jitter.

    A try that fails `give_up` seconds after the first one makes a dead letter. What a message
    waited before that - behind a dead letter, for a daemon that was off - does not count, nor
    does the time in which the target was not there to judge it.
    """

    first: float
    factor: float
    cap: float
    give_up: float

    @classmethod
    def of(cls, settings: OutboxSettings) -> Self:
        """The schedule of the settings."""
        return cls(
            first=settings.first_retry.total_seconds(),
            factor=settings.retry_factor,
            cap=settings.longest_retry.total_seconds(),
            give_up=settings.give_up_after.total_seconds(),
        )

    def delay(self, attempts: int, random: Random, cap: float | None = None) -> float:
        """Seconds to wait after `attempts` failed ones (at least one)."""
        limit = self.cap if cap is None else min(cap, self.cap)
        # Beyond a few dozen doublings any cap is reached: the exponent must not overflow.
        full = min(limit, self.first * self.factor ** min(attempts - 1, 64))
        return full * (0.5 + random.random() / 2)


def judge(
    row: OutboxRow, outcome: Outcome, schedule: Schedule, random: Random, now: int
) -> OutboxResult:
    """The state of `row` after an attempt that ended with `outcome` at `now` (microseconds)."""
    attempts = row.attempts + 1
    if isinstance(outcome, Delivered):
        return OutboxResult(id=row.message.id, state="delivered", attempts=attempts, at=now)
    reason = outcome.reason
    if isinstance(outcome, Dead):
        return _dead(row, attempts, reason, now)
    begins = row.attempts == 0 or outcome.unreachable
    since = now if begins else row.redriven_at or row.created_at
    if (now - since) / MICROS >= schedule.give_up and not outcome.unreachable:
        return _dead(row, attempts, f"{reason}; given up after {attempts} attempts", now)
    cap = UNREACHABLE_CAP if outcome.unreachable else None
    delay = schedule.delay(attempts, random, cap)
    if outcome.after is not None:
        delay = max(delay, min(outcome.after, LONGEST_WISH))
    return OutboxResult(
        id=row.message.id,
        state="pending",
        attempts=attempts,
        due_at=now + round(delay * MICROS),
        trying_since=now if begins else None,
        error=reason,
        at=now,
    )


def _dead(row: OutboxRow, attempts: int, reason: str, now: int) -> OutboxResult:
    return OutboxResult(id=row.message.id, state="dead", attempts=attempts, error=reason, at=now)
