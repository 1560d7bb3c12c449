"""Flows of every construct in the real daemon, which is killed while they run: they end as in a
daemon that nobody kills. In process, and many more: tests/flows/engine/test_every_construct.py."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import Serve, make_daemon
from tests.acceptance.process import DaemonProcess, NotUp
from tests.chaos.regime import seed, times

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]

__all__ = ["make_daemon"]
RECIPES = Path(__file__).parent.parent / "flows" / "engine" / "recipes.py"
POINTS = ("before_commit", "after_commit", "before_result", "during_recovery")
KILLS = 3  # after so many crashes a run is a suspect
ENDED = ("succeeded", "failed", "cancelled")


def test_graphs_end_as_if_nobody_had_killed_the_daemon(make_daemon: Serve) -> None:
    chance = Random(seed())
    flows = {f"random_{n}": flow_file(n, chance.randrange(1 << 32)) for n in range(times(6))}
    whole = make_daemon(flows, name="whole")
    ask_for_all(whole, flows)
    whole.wait_until(lambda: all_ended(whole, flows))
    expected = {name: outcome(whole, name) for name in flows}
    whole.stop()
    killed = make_daemon(flows, name="killed")
    killed.kill()
    for _ in range(KILLS):
        point = f"{chance.choice(POINTS)}:{chance.randint(1, 40)}"
        live(killed, list(flows), (sys.executable, "-m", "tests.chaos.launcher", point, "--"))
    live(killed, list(flows), ())
    killed.start()
    assert {name: outcome(killed, name) for name in flows} == expected


def flow_file(number: int, drawn: int) -> str:
    call = f'random_flow({drawn}, 40, name="random_{number}", publishes=False)'
    return f"{RECIPES.read_text()}\n\nflow_{number} = {call}\n"


def live(daemon: DaemonProcess, flows: Sequence[str], through: Sequence[str]) -> None:
    """Run until all has ended, or until it dies on the way."""
    daemon.through = through
    try:
        daemon.start()
        ask_for_all(daemon, flows)
        daemon.wait_until(lambda: all_ended(daemon, flows))
    except (NotUp, httpx.HTTPError, StopIteration):
        assert through, "nobody has killed it"
    daemon.kill()


def ask_for_all(daemon: DaemonProcess, flows: Any) -> None:
    """Ask for one run of each; a second time it is the same one."""
    for name in flows:
        headers = {"idempotency-key": name}
        answer = daemon.post(f"/api/v1/flows/{name}/runs", json={"params": {}}, headers=headers)
        assert answer.status_code in (200, 202), answer.text


def all_ended(daemon: DaemonProcess, flows: Any) -> bool:
    states = [run["state"] for name in flows for run in daemon.runs(name)]
    return len(states) == len(list(flows)) and all(state in ENDED for state in states)


def outcome(daemon: DaemonProcess, name: str) -> Any:
    """What must be the same however often it was killed: see `summaries` in the other test."""
    (run,) = daemon.runs(name)
    answer = daemon.get(f"/api/v1/runs/{run['id']}", tasks="all", limit=500)
    assert answer["next"] is None
    tasks = answer["tasks"]
    names = [task["name"] for task in tasks]
    outer = {
        n[: at.start(p)] for n in names for at in re.finditer(r"\[\d+\](/)", n) for p in (0, 1)
    }
    return run["state"], run["result"], sorted(_told(task, outer) for task in tasks)


def _told(task: Any, outer: set[str]) -> tuple[Any, ...]:
    error = task["error"]["type"] if task["error"] and task["name"] not in outer else ""
    attempt = task["attempt"] if task["state"] in ENDED else 0
    return task["name"], task["state"], attempt, error, repr(task["result"])
