"""Webhooks: how soon their task begins, how many are taken, how many runs end."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from benchmarks import limits
from benchmarks.client import post_all
from benchmarks.figures import Figure, percentile
from benchmarks.setting import ended, server, wait
from tests.acceptance.process import DaemonProcess

CONNECTIONS = 64
STRUCTURED = {"content-type": "application/cloudevents+json"}


def latency(daemon: DaemonProcess, folder: Path) -> list[Figure]:
    """Webhook to the first line of its task, one after the other."""
    commit = limits.commit_seconds(folder)
    with server("bare_server") as url:
        bare = asyncio.run(post_all(url, "/", [b"{}"] * 200, 1))
    floor = (commit + percentile(bare.took, 0.5)) * 1e3
    posted = asyncio.run(post_all(daemon.url, "/hooks/one", _bodies(200), 1))
    results: list[tuple[int, int]] = [run["result"] for run in daemon.wait_for_runs("one", 200)]
    took = [(began - posted.sent[n]) / 1e6 for n, began in results]
    return [
        Figure("webhook to first task line, p50", percentile(took, 0.5), floor, "ms", FLOOR),
        Figure("webhook to first task line, p99", percentile(took, 0.99), floor, "ms", FLOOR),
    ]


FLOOR = "commit + HTTP"


def accepted(daemon: DaemonProcess, folder: Path) -> list[Figure]:
    """Webhooks taken over many connections while their flow is paused."""
    count = 6000
    daemon.cli("pause", "paused")
    ours = _rate(daemon.url, "/hooks/paused", count)
    with server("bare_server") as url:
        bare = _rate(url, "/", count)
    with server("group_server", str(folder / "group.db")) as url:
        durable = _rate(url, "/", count)
    return [
        Figure("webhooks accepted", ours, durable, "/s", "Starlette + group commit"),
        Figure("webhooks accepted", ours, bare, "/s", "bare ASGI, nothing stored"),
    ]


def runs(daemon: DaemonProcess, folder: Path) -> list[Figure]:
    """Three-task runs, from the first request to the last end."""
    count = 4000
    began = time.perf_counter()
    asyncio.run(post_all(daemon.url, "/hooks/three", _bodies(count), CONNECTIONS))
    wait(lambda: ended(daemon, "three") >= count)
    rate = count / (time.perf_counter() - began)
    limit = limits.bare_runs_per_second(folder)
    return [Figure("three-task durable runs", rate, limit, "/s", "bare loop, group commit")]


def mapped(daemon: DaemonProcess, folder: Path) -> list[Figure]:
    """One run of 10,000 mapped tasks."""
    began = time.perf_counter()
    _emit(daemon, "map", {"items": list(range(10_000))})
    wait(lambda: ended(daemon, "wide") >= 1)
    rate = 10_000 / (time.perf_counter() - began)
    limit = limits.bare_tasks_per_second(folder)
    return [Figure("mapped tasks of one run", rate, limit, "/s", "bare loop, group commit")]


def blocked(daemon: DaemonProcess, folder: Path) -> list[Figure]:
    """Acknowledgements while a coroutine blocks the flow loop for four seconds."""
    return [
        _beside(daemon, "sleep", "sleeping", "time.sleep in a coroutine"),
        _beside(daemon, "spin", "spinning", "a loop in pure Python"),
    ]


def _beside(daemon: DaemonProcess, type: str, flow: str, what: str) -> Figure:
    _emit(daemon, type, None)
    posted = asyncio.run(post_all(daemon.url, "/hooks/paused", _bodies(400), 4))
    if ended(daemon, flow):
        raise RuntimeError(f"{flow} ended before all webhooks were posted: measure fewer")
    wait(lambda: ended(daemon, flow) >= 1)
    p99 = percentile(posted.took, 0.99) * 1e3
    return Figure(f"acknowledged beside {what}, p99", p99, 50, "ms", "the aim")


def _emit(daemon: DaemonProcess, type: str, data: object) -> None:
    event = {"specversion": "1.0", "id": type, "source": "bench", "type": type, "data": data}
    daemon.post("/api/v1/events", content=json.dumps(event), headers=STRUCTURED)


def _rate(url: str, path: str, count: int) -> float:
    asyncio.run(post_all(url, path, _bodies(200), CONNECTIONS))  # connections and caches warm
    return count / asyncio.run(post_all(url, path, _bodies(count), CONNECTIONS)).seconds


def _bodies(count: int) -> list[bytes]:
    return [b'{"n": %d}' % n for n in range(count)]
