"""What a process holds: threads, tasks of the running loop, open descriptors."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

WORKERS = ("AnyIO worker thread", "Trio thread")
"""Idle ones are kept for the next call of the same loop, as many as ran at once, and trio's for
ten seconds after it: no leak."""
FD = Path("/proc/self/fd")


@dataclass(frozen=True)
class Holdings:
    """Names of what is held, so that a difference says what has leaked."""

    threads: Counter[str]
    tasks: Counter[str]
    descriptors: Counter[str]


def holdings() -> Holdings:
    """What this process holds now, garbage left out."""
    gc.collect()
    return Holdings(
        Counter(t.name for t in threading.enumerate() if not t.name.startswith(WORKERS)),
        Counter(task.get_name() for task in _tasks()),
        Counter(_target(name) for name in os.listdir(FD)),  # noqa: PTH208 - names, not paths
    )


def _tasks() -> set[asyncio.Task[object]]:
    try:
        return asyncio.all_tasks()
    except RuntimeError:  # no loop runs
        return set()


def _target(name: str) -> str:
    """What a descriptor is open on; sockets and pipes without their number."""
    try:
        return (FD / name).readlink().as_posix().partition(":[")[0]
    except FileNotFoundError:  # the listing's own
        return "the listing"
