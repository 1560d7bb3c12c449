"""Killed with many runs under way: how soon after the start each goes on."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from statistics import median

from benchmarks.client import post_all
from benchmarks.figures import Figure
from benchmarks.setting import make_daemon, wait
from tests.acceptance.process import DaemonProcess

RUNS = 500
KILLS = 5
AIM_MS = 2000.0
HEADERS = "application/cloudevents+json"


def recovery(folder: Path) -> list[Figure]:
    """The worst of some kills. Ready is the moment at which it says that it is up: `/readyz` is
    200 by then. Attempts that have begun before count as begun at once."""
    daemon = make_daemon(folder / "recovery")
    empty = median(_start_empty(daemon) for _ in range(3))
    ready: list[float] = []
    begun: list[float] = []
    with daemon:
        _fill(daemon)
        for _ in range(KILLS):
            daemon.kill()
            up, last = _start_again(daemon)
            ready.append(up)
            begun.append(last)
    late = max(0.0, *(b - r for b, r in zip(begun, ready, strict=True)))
    name = f"{RUNS} runs killed:"
    return [
        Figure(f"{name} ready to the last attempt begun", late, AIM_MS, "ms", "the aim"),
        Figure(f"{name} start to the last attempt begun", max(begun), empty, "ms", "empty start"),
        Figure(f"{name} start to ready", max(ready), empty, "ms", "empty start"),
    ]


def _start_empty(daemon: DaemonProcess) -> float:
    began = time.perf_counter()
    daemon.start()
    took = 1e3 * (time.perf_counter() - began)
    daemon.kill()
    return took


def _fill(daemon: DaemonProcess) -> None:
    event = {"specversion": "1.0", "source": "load", "type": "hold"}
    events = [{**event, "id": f"{n}", "data": {"n": n}} for n in range(RUNS)]
    bodies = [json.dumps(each).encode() for each in events]
    asyncio.run(post_all(daemon.url, "/api/v1/events", bodies, 8, HEADERS))
    wait(lambda: len(_begun(daemon)) == RUNS)


def _start_again(daemon: DaemonProcess) -> tuple[float, float]:
    """Milliseconds from the start until it is up, and until the last attempt has begun."""
    before = _begun(daemon)
    since = time.time_ns()
    daemon.start()
    up = time.time_ns()
    wait(lambda: len(_begun(daemon)) >= len(before) + RUNS)
    again = _begun(daemon)[len(before) :]
    if sorted(run for run, _ in again) != sorted({run for run, _ in before}):
        raise RuntimeError("not each run has begun again, and once")
    return (up - since) / 1e6, (max(at for _, at in again) - since) / 1e6


def _begun(daemon: DaemonProcess) -> list[tuple[str, int]]:
    """Run and moment of each attempt that has begun."""
    lines = (daemon.project / "held.txt").read_text().splitlines()
    return [(run, int(at)) for run, at in map(str.split, lines)]
