"""A retry of the real daemon, killed at any commit on its way: it happens once, what had succeeded
is kept, and the run ends as if nobody had killed anything."""

from __future__ import annotations

import sys
from random import Random

import httpx
import pytest

from tests.acceptance.conftest import Serve, make_daemon
from tests.acceptance.process import DaemonProcess, NotUp, state_file_lines
from tests.acceptance.test_retry import FLOW, failed, order, retry
from tests.chaos.regime import seed, times

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]

__all__ = ["make_daemon"]
POINTS = ("before_commit", "after_commit", "before_result", "during_recovery")
KILLS = 2  # after so many crashes a run is a suspect


def test_a_retry_happens_once_whenever_the_daemon_is_killed(make_daemon: Serve) -> None:
    chance = Random(seed())
    for number in range(times(3)):
        daemon = make_daemon({"orders": FLOW}, name=f"project{number}")
        order(daemon)
        run = failed(daemon)
        daemon.kill()
        (daemon.project / "mended").touch()
        for _ in range(KILLS):
            point = f"{chance.choice(POINTS)}:{chance.randint(1, 8)}"
            live(daemon, run, (sys.executable, "-m", "tests.chaos.launcher", point, "--"))
        live(daemon, run, ())
        daemon.start()
        check(daemon, run)
        daemon.stop()


def live(daemon: DaemonProcess, run: str, through: tuple[str, ...]) -> None:
    """Ask for the retry, always the same one, and wait for the end of the run or the daemon."""
    daemon.through = through
    try:
        daemon.start()
        answer = retry(daemon, run, {"failed_only": True}, **{"Idempotency-Key": "once"})
        assert answer.status_code == 200, answer.text
        daemon.wait_until(lambda: daemon.runs("orders", "succeeded"))
    except (NotUp, httpx.HTTPError, StopIteration):
        assert through, "nobody has killed it"
    daemon.kill()


def check(daemon: DaemonProcess, run: str) -> None:
    shown = daemon.get(f"/api/v1/runs/{run}", tasks="all")
    assert (shown["state"], shown["result"]) == ("succeeded", "60 by VERSION")
    assert [o["what"] for o in shown["operations"]] == ["retry"]
    attempts = {task["name"]: task["attempt"] for task in shown["tasks"]}
    assert attempts == {
        "rows": 1, "enrich": 1, "load": 1,
        "enrich[0]": 1, "enrich[1]": 2, "enrich[2]": 1, "enrich[3]": 2,
    }  # fmt: skip
    notes = state_file_lines(daemon.project / "notes.txt")
    for kept in ("rows 1", "enrich[0] 1", "enrich[2] 1", "enrich[1] 1", "enrich[3] 1"):
        assert notes.count(kept) == 1, "a stored success never runs again"
    assert set(notes) == {f"{name} {n}" for name, n in attempts.items() if name != "enrich"} | {
        "enrich[1] 1", "enrich[3] 1",
    }  # fmt: skip
