"""Start to ready, memory and processor time of a daemon that has nothing to do."""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from benchmarks.setting import make_daemon
from tests.acceptance.process import DaemonProcess

STARTS = 5
IDLE_SECONDS = 5
AIM = "the aim"


def footprint(folder: Path) -> list[Figure]:
    """The median of some starts; then one daemon left alone."""
    idle = make_daemon(folder / "idle")
    _start(idle)  # compiles the bytecode where there is none yet
    ready = median(_start(idle) for _ in range(STARTS))
    with idle:
        before = cpu_seconds(idle.pid)
        time.sleep(IDLE_SECONDS)
        busy = 100 * (cpu_seconds(idle.pid) - before) / IDLE_SECONDS
        memory = rss_mib(idle.pid)
    return [
        Figure("start to ready", ready * 1e3, 1000, "ms", AIM),
        Figure("idle memory", memory, 80, "MiB", AIM),
        Figure("idle processor time", busy, 0.5, "%", AIM),
    ]


def _start(daemon: DaemonProcess) -> float:
    began = time.perf_counter()
    daemon.start()
    took = time.perf_counter() - began
    daemon.stop()
    return took


def cpu_seconds(pid: int) -> float:
    """What a process has used up so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """The resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
