"""Files: how soon the task of one that was renamed into place begins."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.figures import Figure, percentile
from tests.acceptance.process import DaemonProcess

AIM_MS = 10
COUNT = 100
PAUSE_SECONDS = 0.03
"""Between two files: one file on an idle machine is what is measured."""


def latency(daemon: DaemonProcess, folder: Path) -> list[Figure]:
    """File in place to the first line of its task, one after the other."""
    inbox = daemon.project / "inbox"
    placed: dict[str, int] = {}
    for number in range(COUNT):
        name = f"{number}.txt"
        (folder / name).write_text("x")
        (folder / name).rename(inbox / name)
        placed[name] = time.time_ns()
        time.sleep(PAUSE_SECONDS)
    results: list[tuple[str, int]] = [
        run["result"] for run in daemon.wait_for_runs("dropped", COUNT)
    ]
    took = [(began - placed[name]) / 1e6 for name, began in results]
    return [
        Figure("file in place to first task line, p50", percentile(took, 0.5), AIM_MS, "ms", AIM),
        Figure("file in place to first task line, p99", percentile(took, 0.99), AIM_MS, "ms", AIM),
    ]


AIM = "the aim"
