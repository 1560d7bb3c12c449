"""A restart at any moment changes nothing but the time that it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from triphammer import (
    Event,
    chain,
    context,
    events,
    flow,
    group,
    publish,
    send_webhook,
    sleep,
    task,
    wait_for,
)
from triphammer.testing import SimulatedRun, posted_event, simulate

WITH_IDS = ("wait_for", "publish", "send_webhook")
CHAT = "https://chat.example.com/hook"


@task
async def make() -> list[int]:
    await asyncio.sleep(3)
    return [1, 2, 3, 4]


@task(retries=3, backoff="4s")
async def double(n: int) -> int:
    await asyncio.sleep(n)
    if n == 2 and context().attempt < 3:
        raise ConnectionError("away")
    return 2 * n


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task
async def tidy() -> str:
    await asyncio.sleep(2)
    return "tidied"


@task(trigger_rule="all_done")
async def after(amount: int | None) -> int | None:
    return amount


@flow(on=events(type="begin"), max_runs=1)
def everything(event: Event) -> object:
    with group("work", teardown=tidy()):
        summed = total(double.options(max_parallel=2).map(make()))
    publish("totals", key="k", value=summed)
    paid = wait_for({"type": ["paid"], "data": {"n": [summed]}}, timeout="40s", on_timeout="skip")
    late = after(paid.data["amount"])
    rested = sleep("5s")
    chain(rested, late)
    send_webhook(CHAT, {"amount": late})
    return {"sum": summed, "amount": late}


def ends(at: float | None, down: str = "0s") -> Mapping[str, Any]:
    """What becomes of two runs when there is a restart after so many seconds."""
    with simulate(everything) as sim:
        chat = sim.receiver(CHAT)
        chat.answer(500)
        for _ in range(2):
            sim.emit_all(posted_event("begin"))
        sim.emit_all(posted_event("paid", {"n": 20, "amount": 7}))
        if at is not None:
            sim.advance(at)
            sim.restart(down)
        sim.run_until_idle("1h")
        sim.advance("1h")
        runs = sim.runs()
        return {
            "runs": [(run.state, run.result) for run in runs],
            "tasks": [_tasks(run) for run in runs],
            "published": [message.value for message in sim.published("totals")],
            "sent": [(m.value, m.state) for m in sim.sent(CHAT)],
            "received": {str(value) for value in chat.values},
        }


def _tasks(run: SimulatedRun) -> Mapping[str, Any]:
    """Their ends; events and messages have ids of their own each time."""
    tasks = run.tasks().items()
    return {name: (one.state, name in WITH_IDS or one.result) for name, one in tasks}


@pytest.mark.slow
def test_after_any_second() -> None:
    whole = ends(None)
    assert whole["runs"][0] == ("succeeded", {"sum": 20, "amount": 7})
    for second in range(45):
        assert ends(second) == whole, second


def test_after_some_seconds_and_a_while() -> None:
    whole = ends(None)
    for second in (0, 3, 6.5, 20):
        assert ends(second, "1m")["published"] == whole["published"]
        assert ends(second)["tasks"] == whole["tasks"]
