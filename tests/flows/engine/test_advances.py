"""How far tasks say that they are, in virtual time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from tests.flows.engine.bench import shop
from triphammer.flows.context import context
from triphammer.flows.flow import flow
from triphammer.flows.task import task

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@task
async def stepwise(steps: int, seconds: float) -> None:
    for done in range(steps):
        context().progress(done, steps)
        await anyio.sleep(seconds)


@flow
def steps(count: int, seconds: float) -> object:
    return stepwise(count, seconds)


async def test_how_far_a_task_is_rides_along_twice_a_second(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(steps, count=1000, seconds=0.005)
        await s.end()
    rows = [row for change in s.journal.changes for row in change.tasks]
    assert all(row.progress is not None and row.progress[1] == 1000 for row in rows)
    assert 10 <= len(rows) <= 13
    assert [row.progress for row in rows] == sorted(row.progress or (0, 0) for row in rows)
    assert (rows[-1].state, rows[-1].progress) == ("succeeded", (999, 1000))


async def test_an_attempt_that_is_over_tells_no_more(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(steps, count=1000, seconds=0.005)
        await anyio.sleep(1)
        s.engine.cancel("run_1", "enough")
        end = await s.end()
    assert end.state == "cancelled"
    assert s.journal.history()[-1] == ("stepwise", "cancelled")
