"""What the operating system says of this process, under the names that all exporters use."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from triphammer.service.metrics import Metric
from triphammer.service.telemetry import families

PROC = Path("/proc/self")


def process_figures(started: float) -> Iterator[Metric]:
    """The figures; of memory and descriptors only where there is a `/proc`.

    `started` is the start of the process, in seconds since 1970.
    """
    used = os.times()
    yield families.CPU.one(used.user + used.system)
    if (resident := _resident()) is not None:
        yield families.MEMORY.one(resident)
    if (open_now := _descriptors()) is not None:
        yield families.DESCRIPTORS.one(open_now)
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY:
        yield families.MOST_DESCRIPTORS.one(most)
    yield families.STARTED.one(started)


def _resident() -> int | None:
    try:
        pages = int((PROC / "statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * resource.getpagesize()


def _descriptors() -> int | None:
    try:
        return sum(1 for _ in (PROC / "fd").iterdir()) - 1  # one is of the look itself
    except OSError:
        return None
