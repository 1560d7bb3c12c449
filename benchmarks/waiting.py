"""Ten thousand runs that wait for an event each: what they cost, and how fast one is woken."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import Figure
from benchmarks.footprint import AIM, IDLE_SECONDS, cpu_seconds, rss_mib
from tests.acceptance.process import DaemonProcess, project

RUNS = 10_000
BATCH = 500
WOKEN = 50
FLOWS = {
    "waits": """
from triphammer import Event, events, flow, task, wait_for

@task
async def amount(paid: object) -> object:
    return paid

@flow(on=events(type="order"), max_runs=1000)
def order(event: Event) -> object:
    paid = wait_for({"type": ["paid"], "data": {"order": [event.data["order"]]}})
    return amount(paid.data["amount"])
""",
}


def waiting(folder: Path) -> list[Figure]:
    """Memory and processor time while all wait, also of a daemon started anew; then some are
    woken one after the other, and last all the others at once."""
    daemon, runs = DaemonProcess(project(folder / "waiting", FLOWS)), list[str]()
    with daemon:
        began = time.perf_counter()
        for first in range(0, RUNS, BATCH):
            told = _post(daemon, [("order", {"order": n}) for n in range(first, first + BATCH)])
            runs += [run for event in told["events"] for run in event["runs"]]
        _until(daemon, RUNS)
        took = time.perf_counter() - began
        memory, busy = _at_rest(daemon)
    with daemon:  # stopped and started
        fresh, _ = _at_rest(daemon)
        woken = median(_wake_one(daemon, runs[n], n) for n in range(WOKEN))
        began = time.perf_counter()
        for first in range(WOKEN, RUNS, BATCH):
            last = min(first + BATCH, RUNS)
            _post(daemon, [("paid", {"order": n, "amount": n}) for n in range(first, last)])
        _until(daemon, 0)
        rate = (RUNS - WOKEN) / (time.perf_counter() - began)
    return [
        Figure("10,000 runs waiting: memory", memory, 150, "MB", AIM),
        Figure("10,000 runs waiting: memory after a restart", fresh, 150, "MB", AIM),
        Figure("10,000 runs waiting: processor time", busy, 0.5, "%", AIM),
        Figure("runs that come to wait", RUNS / took, 0, "/s", "none"),
        Figure("event -> end of the run that waited", woken * 1e3, 0, "ms", "none"),
        Figure("waiting runs woken and ended", rate, 0, "/s", "none"),
    ]


def _at_rest(daemon: DaemonProcess) -> tuple[float, float]:
    """Resident memory in MB, and how busy it is in percent."""
    time.sleep(1)
    before = cpu_seconds(daemon.pid)
    time.sleep(IDLE_SECONDS)
    busy = 100 * (cpu_seconds(daemon.pid) - before) / IDLE_SECONDS
    return rss_mib(daemon.pid) * 1.048576, busy


def _post(daemon: DaemonProcess, told: Sequence[tuple[str, Any]]) -> Any:
    batch = [
        {"specversion": "1.0", "type": t, "source": "bench", "id": json.dumps([t, d]), "data": d}
        for t, d in told
    ]
    headers = {"content-type": "application/cloudevents-batch+json"}
    while True:
        answer = daemon.post("/api/v1/events", content=json.dumps(batch), headers=headers)
        if answer.status_code == 202:
            return answer.json()
        time.sleep(0.1)  # it has enough for now


def _until(daemon: DaemonProcess, waiting: int) -> None:
    """Return once so many runs wait, and none has anything else to do."""
    while True:
        counts = daemon.get("/api/v1/flows/order")["runs"]
        if counts.get("waiting", 0) == waiting and not set(counts) & {"queued", "running"}:
            return
        time.sleep(0.2)


def _wake_one(daemon: DaemonProcess, run: str, order: int) -> float:
    """From the arrival of the event to the end of the run that waited for it."""
    answer = _post(daemon, [("paid", {"order": order, "amount": order})])
    while (ended := daemon.get(f"/api/v1/runs/{run}")["finished_at"]) is None:
        time.sleep(0.05)
    event = daemon.get(f"/api/v1/events/{answer['events'][0]['event']}")
    return _seconds(ended) - _seconds(event["received_at"])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
