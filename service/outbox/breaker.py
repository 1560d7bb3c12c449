"""A circuit breaker: what keeps failing is left in peace but for one probe after ever longer
pauses. Values in, decision out; nothing here waits or reads a clock.

closed -> open: `failures` attempts in a row have failed.
open -> half open: the pause is over; one message goes, the probe.
half open -> closed: it was answered. half open -> open: it failed, the next pause is longer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from triphammer.config.settings import OutboxSettings

MICROS = 1_000_000
FIRST_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class Rule:
    """When it opens, and its pauses in seconds: `first`, doubled each time, at most `longest`."""

    failures: int
    first: float
    longest: float

    @classmethod
    def of(cls, settings: OutboxSettings) -> Self:
        """The rule of the settings: no pause is longer than the longest, not even the first."""
        longest = settings.longest_pause.total_seconds()
        return cls(settings.open_after, min(FIRST_PAUSE, longest), longest)

    def pause(self, opened: int) -> float:
        """Seconds of peace after the breaker has opened `opened` times in a row."""
        # Beyond a few dozen doublings any limit is reached: the exponent must not overflow.
        return min(self.longest, self.first * 2.0 ** min(opened - 1, 64))


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state for one target. It is open since `since` for `pause`, both microseconds; closed
    while `opened`, how many times in a row it has opened, is 0. `probe`: the message under way
    as the probe."""

    failures: int = 0
    opened: int = 0
    since: int = 0
    pause: int = 0
    probe: str | None = None


CLOSED = Breaker()


@dataclass(frozen=True, slots=True)
class Go:
    """Send it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Send one, and no other."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep it back until then (microseconds UTC)."""

    until: int


def decide(breaker: Breaker, now: int) -> Go | Probe | Hold:
    """Whether messages may go at `now`."""
    if not breaker.opened:
        return Go()
    if breaker.probe is not None:
        # The probe's end frees them, or puts them off again.
        return Hold(now + max(breaker.pause, MICROS))
    # A wall clock that was set back must not make the pause longer.
    if 0 <= now - breaker.since < breaker.pause:
        return Hold(breaker.since + breaker.pause)
    return Probe()


def probing(breaker: Breaker, message: str) -> Breaker:
    """`message` goes as the probe."""
    return replace(breaker, probe=message)


def failed(
    breaker: Breaker, rule: Rule, message: str, now: int, jitter: float, after: float | None = None
) -> Breaker:
    """An attempt failed at `now`. `jitter` is in [0, 1), `after` the seconds that the target
    asked to wait."""
    failures = breaker.failures + 1
    under_way_before = breaker.opened > 0 and breaker.probe != message
    if under_way_before or failures < rule.failures:
        return replace(breaker, failures=failures)
    opened = breaker.opened + 1
    pause = max(rule.pause(opened) * (0.5 + jitter / 2), after or 0.0)
    return Breaker(failures, opened, since=now, pause=round(pause * MICROS))


def dropped(breaker: Breaker, message: str) -> Breaker:
    """`message` tells nothing of the target: another may be the probe."""
    return replace(breaker, probe=None) if breaker.probe == message else breaker
