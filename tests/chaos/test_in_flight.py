"""I3 with many runs under way at the kill; `python -m benchmarks recovery` times the same."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, state_file_lines
from tests.chaos.regime import times

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(300)]

FLOWS = {
    "held": """
import asyncio, os
from pathlib import Path
from triphammer import Event, context, events, flow, task

EFFECTS = os.open("effects.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def noted(name):
    os.write(EFFECTS, f"{context().run} {name}\\n".encode())

@task
async def before(n: int) -> int:
    noted("before")
    return n

@task
async def held(n: int) -> int:
    noted("held")
    while not Path("go").exists():
        await asyncio.sleep(0.1)
    return n + 1

@task
async def after(n: int) -> int:
    noted("after")
    return n * 2

@flow(on=events(type="go"), max_runs=10_000)
def holding(event: Event):
    return after(held(before(event.data["n"])))
""",
}
SETTINGS = "[limits]\nactive_runs = 10000\n"
HEADERS = {"content-type": "application/cloudevents-batch+json"}
RUNS = times(100)
KILLS = 6
"""More than a run survives that is blamed for them: so many runs at once are not."""


def post(daemon: DaemonProcess) -> set[str]:
    """Begin the runs; their ids."""
    event = {"specversion": "1.0", "source": "t", "type": "go"}
    batch = [{**event, "id": f"{n}", "data": {"n": n}} for n in range(RUNS)]
    answer = daemon.post("/api/v1/events", json=batch, headers=HEADERS)
    return {run for told in answer.json()["events"] for run in told["runs"]}


def test_each_run_under_way_goes_on_once_where_it_was(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS, SETTINGS)
    effects = daemon.project / "effects.txt"

    def all_held(often: int) -> bool:
        tasks = Counter(state_file_lines(effects))
        return sum(tasks[f"{run} held"] >= often for run in runs) == RUNS

    runs = post(daemon)
    assert len(runs) == RUNS
    daemon.wait_until(partial(all_held, 1))
    for often in range(2, KILLS + 2):
        daemon.kill()
        daemon.start()
        daemon.wait_until(partial(all_held, often))
    (daemon.project / "go").touch()

    def ended() -> bool:
        counts = daemon.get("/api/v1/flows/holding")["runs"]
        return not {"queued", "running"} & {state for state, n in counts.items() if n}

    daemon.wait_until(ended)
    assert daemon.get("/api/v1/flows/holding")["runs"] == {"succeeded": RUNS}
    expected = Counter({f"{run} before": 1 for run in runs})
    expected += Counter({f"{run} held": KILLS + 1 for run in runs})
    expected += Counter({f"{run} after": 1 for run in runs})
    assert Counter(state_file_lines(effects)) == expected
    assert {daemon.get(f"/api/v1/runs/{run}")["result"] for run in runs} == {
        (n + 1) * 2 for n in range(RUNS)
    }
