"""Attempts that were told to end: what runs again waits for them, or until they are given up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from tests.flows.engine.bench import shop
from triphammer.flows.engine.stopping import Abandoned, Stopping
from triphammer.flows.executors.contract import AttemptId, AttemptResult, Released
from triphammer.flows.flow import flow
from triphammer.flows.task import task

pytestmark = pytest.mark.anyio
SECOND = AttemptId("run_1", "a", 2, 1)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def ended(id: AttemptId, *, still_running: bool = False) -> AttemptResult:
    return AttemptResult(id=id, started_at=0, finished_at=1, still_running=still_running)


def test_what_was_stopped_holds_up_only_its_own_task() -> None:
    told: list[tuple[Abandoned, bool]] = []
    stopping: Stopping[str] = Stopping(lambda one, goes_on: told.append((one, goes_on)))
    assert not stopping.holds("run_1", "a", "first")
    stopping.stop(SECOND, "orders")
    assert stopping.holds("run_1", "a", "third")
    assert not stopping.holds("run_1", "b", "other")
    assert not stopping.holds("run_2", "a", "other")
    assert stopping.ended(ended(AttemptId("run_1", "b", 1, 1)), "orders", 5) == ()
    assert stopping.ended(ended(SECOND), "", 5) == ["third"]
    assert not stopping.holds("run_1", "a", "fourth")
    assert told == []


def test_who_is_given_up_is_named_until_it_has_ended() -> None:
    told: list[tuple[Abandoned, bool]] = []
    stopping: Stopping[str] = Stopping(lambda one, goes_on: told.append((one, goes_on)))
    stopping.stop(SECOND, "orders")
    stopping.ended(ended(SECOND, still_running=True), "", 5)
    one = Abandoned(SECOND, "orders", 5)
    assert stopping.abandoned == [one]
    stopping.ended(Released(SECOND), "", 9)
    stopping.ended(Released(SECOND), "", 9)
    assert (stopping.abandoned, told) == ([], [(one, True), (one, False)])


async def test_a_retry_begins_when_the_attempt_before_it_has_cleaned_up(tmp_path: Path) -> None:
    said: list[tuple[float, str]] = []

    @task
    async def tidy() -> None:
        said.append((anyio.current_time(), "begin"))
        try:
            await anyio.sleep(10)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(3)
            said.append((anyio.current_time(), "end"))

    @flow
    def one() -> None:
        tidy()

    async with shop(tmp_path) as s:
        begun = anyio.current_time()
        s.begin(one)
        await anyio.sleep(1)
        s.engine.cancel("run_1", "enough")
        await s.wait_ended("run_1")
        s.begin(one, epoch=1)
        await anyio.sleep(20)
    times = [(round(at - begun), what) for at, what in said]
    assert times == [(0, "begin"), (4, "end"), (4, "begin"), (17, "end")]
