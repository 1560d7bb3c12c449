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
    traces, taken, worked = set[str](), list[float](), list[float]()
    for _ in range(TIMES):
        began, busy = time.perf_counter(), time.process_time()
        trace = month()
        taken.append(time.perf_counter() - began)
        worked.append(time.process_time() - busy)
        traces.add(digest(trace))
    if len(traces) != 1:
        raise RuntimeError(f"{len(traces)} different traces of one month")
    return [
        Figure("30 days simulated", median(taken), SECONDS, "s", "what it may take"),
        Figure("30 days simulated, processor time", median(worked), SECONDS, "s", "the same"),
    ]
