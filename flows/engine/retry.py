"""When a failed attempt is tried again."""

from __future__ import annotations

from random import Random

from triphammer.flows.graph import Backoff


def retry_delay(backoff: Backoff, failed: int, random: Random) -> float:
    """Seconds from the end of the `failed`-th failed attempt (from 1) to the next one.

    With jitter the whole wait is drawn evenly from zero ("full jitter"), which spreads out
    tasks that failed together best.
    """
    full = min(backoff.cap, _full(backoff, failed))
    return random.uniform(0, full) if backoff.jitter else full


def _full(backoff: Backoff, failed: int) -> float:
    if backoff.kind == "constant":
        return backoff.first
    if backoff.kind == "linear":
        return backoff.first * failed
    # The exponent is bounded: a thousandth retry must not overflow.
    return backoff.first * backoff.factor ** min(failed - 1, 64)
