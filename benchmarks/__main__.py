"""`python -m benchmarks`: run every benchmark and print the figures with their ratios.

Absolute figures drift between machines and hours; the ratios within one run are what counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import limits
from benchmarks.client import post_all
from benchmarks.figures import Figure, percentile, table
from tests.acceptance.process import DaemonProcess, project

FLOWS = {
    "bench": """
import time
from triphammer import Event, events, flow, task, webhook

@task
async def first(n: int) -> list[int]:
    return [n, time.time_ns()]

@task
async def step(n: int) -> int:
    return n + 1

@flow(on=webhook("one"), max_runs=1000)
def one(event: Event) -> object:
    return first(event.data["n"])

@flow(on=webhook("three"), max_runs=1000)
def three(event: Event) -> object:
    return step(step(step(event.data["n"])))

@flow(on=webhook("paused"))
def paused(event: Event) -> object:
    return step(event.data["n"])

@flow(on=events(type="map"))
def wide(event: Event) -> object:
    return step.map(event.data["items"])
""",
}


def main() -> None:
    """All of it, in one run."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        with DaemonProcess(project(folder / "project", FLOWS)) as daemon, bare() as url:
            figures = [
                *latency(daemon, folder, url),
                *accepted(daemon, url),
                *runs(daemon, folder),
                *mapped(daemon, folder),
                *footprint(daemon, folder),
            ]
    print(table(figures))


@contextmanager
def bare() -> Generator[str]:
    """A bare ASGI server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.bare_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.kill()


def latency(daemon: DaemonProcess, folder: Path, url: str) -> list[Figure]:
    """Webhook to the first line of its task, one after the other."""
    commit = limits.commit_seconds(folder)
    bare = asyncio.run(post_all(url, "/", [b"{}"] * 200, 1))
    floor = commit + percentile(bare.took, 0.5)
    bodies = [b'{"n": %d}' % n for n in range(200)]
    posted = asyncio.run(post_all(daemon.url, "/hooks/one", bodies, 1))
    results: list[tuple[int, int]] = [run["result"] for run in daemon.wait_for_runs("one", 200)]
    took = [(began - posted.sent[n]) / 1e6 for n, began in results]
    limit = "commit + HTTP"
    return [
        Figure("webhook to first task line, p50", percentile(took, 0.5), floor * 1e3, "ms", limit),
        Figure("webhook to first task line, p99", percentile(took, 0.99), floor * 1e3, "ms", limit),
    ]


def accepted(daemon: DaemonProcess, url: str) -> list[Figure]:
    """Webhooks taken with 64 connections while their flow is paused."""
    count = 4000
    bodies = [b'{"n": %d}' % n for n in range(count)]
    bare = asyncio.run(post_all(url, "/", bodies, 64))
    daemon.cli("pause", "paused")
    ours = asyncio.run(post_all(daemon.url, "/hooks/paused", bodies, 64))
    rate, limit = count / ours.seconds, count / bare.seconds
    return [Figure("webhooks accepted", rate, limit, "/s", "bare ASGI")]


def runs(daemon: DaemonProcess, folder: Path) -> list[Figure]:
    """Three-task runs with 64 requests in flight, from the first request to the last end."""
    count = 2000
    bodies = [b'{"n": %d}' % n for n in range(count)]
    began = time.perf_counter()
    asyncio.run(post_all(daemon.url, "/hooks/three", bodies, 64))
    daemon.wait_until(lambda: _ended(daemon, "three") >= count)
    rate = count / (time.perf_counter() - began)
    limit = limits.bare_runs_per_second(folder)
    return [Figure("three-task durable runs", rate, limit, "/s", "bare loop, group commit")]


def mapped(daemon: DaemonProcess, folder: Path) -> list[Figure]:
    """One run of 10,000 mapped tasks."""
    event = {"specversion": "1.0", "id": "1", "source": "b", "type": "map"}
    body = {**event, "data": {"items": list(range(10_000))}}
    headers = {"content-type": "application/cloudevents+json"}
    began = time.perf_counter()
    daemon.post("/api/v1/events", content=json.dumps(body), headers=headers)
    daemon.wait_until(lambda: _ended(daemon, "wide") >= 1)
    rate = 10_000 / (time.perf_counter() - began)
    limit = limits.bare_tasks_per_second(folder)
    return [Figure("mapped tasks of one run", rate, limit, "/s", "bare loop, group commit")]


def footprint(daemon: DaemonProcess, folder: Path) -> list[Figure]:
    """A second daemon: start to ready, memory and processor time while idle."""
    idle = DaemonProcess(project(folder / "idle", FLOWS))
    began = time.perf_counter()
    with idle:
        ready = time.perf_counter() - began
        before = _cpu_seconds(idle.pid)
        time.sleep(5)  # idle is what is measured
        busy = 100 * (_cpu_seconds(idle.pid) - before) / 5
        memory = _rss_mib(idle.pid)
    return [
        Figure("start to ready", ready * 1e3, 1000, "ms", "the aim"),
        Figure("idle memory", memory, 80, "MiB", "the aim"),
        Figure("idle processor time", busy, 0.5, "%", "the aim"),
    ]


def _ended(daemon: DaemonProcess, flow: str) -> int:
    counts = daemon.get(f"/api/v1/flows/{flow}")["runs"]
    return int(counts.get("succeeded", 0)) + int(counts.get("failed", 0))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
