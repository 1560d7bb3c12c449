"""Waiting times between restarts: doubling, capped, jittered."""

from __future__ import annotations

from random import Random

FIRST_SECONDS = 0.5
CAP_SECONDS = 60.0
CALM_SECONDS = 60.0
"""A part that ran this long before it failed starts again with the first waiting time."""


def restart_delay(failures: int, random: Random) -> float:
    """Seconds before the next start after `failures` failures in a row (at least one).

    Half of the time is jitter, so that parts that failed together do not return together.
    """
    full = min(CAP_SECONDS, FIRST_SECONDS * 2 ** min(failures - 1, 16))
    delay: float = full * (0.5 + random.random() / 2)
    return delay
