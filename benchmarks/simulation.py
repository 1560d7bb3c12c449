"""The testing kit: a month of schedules, a hundred times, each as the one before."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.figures import Figure
from tests.testing.month import digest, month

TIMES = 100
SECONDS = 2.0
"""What a month may take."""


def simulation() -> list[Figure]:
    """Seconds a month of 30 days with hourly, daily and DST-crossing schedules, retries, waits."""
    traces, taken = set[str](), list[float]()
    for _ in range(TIMES):
        began = time.perf_counter()
        trace = month()
        taken.append(time.perf_counter() - began)
        traces.add(digest(trace))
    if len(traces) != 1:
        raise RuntimeError(f"{len(traces)} different traces of one month")
    return [Figure("30 days simulated", median(taken), SECONDS, "s", "what it may take")]
