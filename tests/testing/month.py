"""A month of schedules with retries and waits, for the test and the benchmark of the kit.

`python -m tests.testing.month` prints the digest of its trace.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from triphammer import Event, chain, context, cron, every, flow, sleep, task, wait_for
from triphammer.testing import simulate

START = datetime(2026, 3, 15, tzinfo=UTC)
"""Two weeks before clocks are put forward in Berlin, a week after New York has done it."""
EVERY_TIMES = 3


@task(retries=3, backoff="exponential")
async def fetch(day: str) -> str:
    """Fails now and then, at the same places each time."""
    if len(day) * sum(map(ord, day)) % EVERY_TIMES >= context().attempt:
        raise ConnectionError(f"{day} is not there yet")
    return day


@task
def count(day: str) -> int:
    return sum(map(ord, day))


@flow(on=every("1h"))
def hourly(event: Event) -> object:
    return count(fetch(event.data["due"]))


@flow(on=cron("0 6 * * *", tz="Asia/Seoul"))
def daily(event: Event) -> object:
    rested = sleep("3h")
    day = fetch(event.data["due"])
    chain(rested, day)
    return count(day)


@flow(on=cron("30 2 * * *", tz="Europe/Berlin", jitter="10m"))
def berlin(event: Event) -> object:
    tick = wait_for(
        {"type": ["triphammer.timer.fired"], "subject": ["hourly"]}, timeout="2h", since="1s"
    )
    return count(fetch(tick.data["due"]))


@flow(on=cron("30 2,3 * * *", tz="America/New_York"))
def new_york(event: Event) -> object:
    return count(fetch(event.data["due"]))


FLOWS: tuple[Any, ...] = (hourly, daily, berlin, new_york)


def month(days: int = 30, start: datetime = START) -> Sequence[str]:
    """The trace of so many days."""
    with simulate(*FLOWS, start=start) as sim:
        sim.advance(f"{days}d")
        return sim.trace()


def digest(trace: Sequence[str]) -> str:
    """What two traces are compared by."""
    return hashlib.sha256("\n".join(trace).encode()).hexdigest()


if __name__ == "__main__":
    print(digest(month(4)))
