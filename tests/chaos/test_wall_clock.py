"""The real daemon while its wall clock is set an hour either way and the machine sleeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.chaos.wall_clock import WallClock

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
HOUR = 3600
PERIOD = 4
"""Seconds: 900 ticks an hour, for missed ones are counted up to 1000."""
FLOWS = {
    "ticks": f"""
from triphammer import Event, cron, every, flow, state, task, webhook

@task
async def note(due: str) -> str:
    return due

@flow(on=cron("*/{PERIOD} * * * * *"))
def by_cron(event: Event) -> object:
    return note(event.data["due"])

@flow(on=cron("*/{PERIOD} * * * * *", missed="none"))
def awake(event: Event) -> object:
    return note(event.data["due"])

@flow(on=every("1s"))
def by_period(event: Event) -> object:
    return note(event.data["due"])

@task(retries=1, backoff="2s")
async def second_try(file: str) -> str:
    with open(file, "a+") as tries:
        tries.write("x")
        tries.seek(0)
        if len(tries.read()) == 1:
            raise OSError("once")
    return "done"

@flow(on=webhook("in"))
def posted(event: Event) -> object:
    return second_try(event.data["file"])
""",
}


class Ticks:
    """The ticks of one flow of a daemon, oldest first."""

    def __init__(self, daemon: DaemonProcess, flow: str) -> None:
        self._daemon = daemon
        self._source = f"triphammer/timer/{flow}"

    def all(self) -> Sequence[Any]:
        found: list[Any] = []
        page: dict[str, Any] = {"next": ""}
        while page["next"] is not None:
            more = {"cursor": page["next"]} if page["next"] else {}
            page = self._daemon.get("/api/v1/events", source=self._source, limit=200, **more)
            found += page["items"]
        return found[::-1]

    def dues(self) -> list[float]:
        return [datetime.fromisoformat(e["data"]["due"]).timestamp() for e in self.all()]

    def wait_for_more(self, count: int) -> None:
        """Wait until that many more have come."""
        wanted = len(self.all()) + count
        self._daemon.wait_until(lambda: len(self.all()) >= wanted)

    def wait_for_leap(self, clock: WallClock, seconds: int) -> None:
        """Set the clock forward, and wait for the tick that stands for all in between."""
        known, count = len(self.all()), seconds // PERIOD - 2

        def come() -> bool:
            return any(e["data"]["missed"] >= count for e in self.all()[known:])

        clock.step(seconds)
        self._daemon.wait_until(come)

    def accounted(self) -> None:
        """No due time twice, in order; each from the first to the last fired or counted."""
        dues, missed = self.dues(), [e["data"]["missed"] for e in self.all()]
        assert dues == sorted(set(dues))
        assert len(dues) + sum(missed[1:]) == (dues[-1] - dues[0]) / PERIOD + 1


def test_steps_of_an_hour_either_way_and_a_suspend(make_daemon: Serve, tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    daemon = make_daemon(FLOWS, env=clock.env)
    by_cron, awake, by_period = (Ticks(daemon, f) for f in ("by_cron", "awake", "by_period"))
    by_cron.wait_for_more(1)

    by_cron.wait_for_leap(clock, HOUR)
    awake.wait_for_more(1)

    tries = {"file": str(tmp_path / "tries")}
    answer = daemon.post("/hooks/in", json=tries)
    daemon.wait_until(lambda: (tmp_path / "tries").exists())
    clock.step(-HOUR)
    # `every` begins anew, and a retry that was to come in two seconds comes.
    by_period.wait_for_more(3)
    daemon.wait_for_runs("posted")
    assert answer.status_code == 202
    quiet = len(by_cron.all()), len(awake.all())
    assert daemon.post("/hooks/in", json=tries).status_code == 202
    daemon.wait_for_runs("posted", 2)
    by_period.wait_for_more(5)
    assert (len(by_cron.all()), len(awake.all())) == quiet

    clock.step(HOUR)
    by_cron.wait_for_more(1)
    by_cron.wait_for_leap(clock, 600)
    awake.wait_for_more(1)

    assert daemon.stop() == 0
    clock.step(HOUR)
    daemon.start()
    by_cron.wait_for_more(1)
    awake.wait_for_more(1)

    by_cron.accounted()
    awake.accounted()
    dues = by_period.dues()
    assert len(dues) == len(set(dues))
    assert daemon.runs(state="failed") == []
