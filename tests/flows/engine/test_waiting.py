"""Tasks that wait, in virtual time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.flows.engine.bench import MemoryJournal, shop
from triphammer import chain, first_of, flow, sleep, task
from triphammer.flows.errors import GraphError

pytestmark = pytest.mark.anyio
DAY = 86_400_000_000


@pytest.fixture
def anyio_backend() -> Any:
    from trio.testing import MockClock

    return ("trio", {"clock": MockClock(autojump_threshold=0)})


@task
async def now() -> float:
    return anyio.current_time()


@task
def days(n: int) -> str:
    return f"{n} days"


async def test_what_is_behind_a_sleep_begins_when_it_is_over(tmp_path: Path) -> None:
    @flow
    def one() -> object:
        before = now()
        slept = sleep("2 days")
        after = now()
        chain(before, slept, after)
        return [before, slept, after]

    async with shop(tmp_path) as s:
        ran = await s.ran(one)
    assert ran.value("sleep") is None
    assert 0 <= ran.value("now_2") - ran.value("now") - 2 * 86_400 < 0.001
    row = ran.rows["sleep"]
    assert row.state == "succeeded"
    assert row.started_at is not None
    assert row.finished_at == row.started_at + 2 * DAY


@pytest.mark.parametrize("duration", [3600, timedelta(hours=1), "1h"])
async def test_every_form_of_a_duration(tmp_path: Path, duration: Any) -> None:
    @flow
    def one() -> None:
        sleep.options(name="nap")(duration)

    async with shop(tmp_path) as s:
        ran = await s.ran(one)
    assert ran.rows["nap"].finished_at == DAY // 24


async def test_a_duration_may_be_a_value_of_the_run(tmp_path: Path) -> None:
    @flow
    def one(wrong: bool = False) -> None:
        sleep(days(3))

    async with shop(tmp_path) as s:
        ran = await s.ran(one)
    row = ran.rows["sleep"]
    assert (row.finished_at or 0) - (row.started_at or 0) == 3 * DAY


async def test_a_value_that_is_no_duration_fails_the_task(tmp_path: Path) -> None:
    @task
    def soon() -> str:
        return "soon"

    @flow
    def one() -> None:
        sleep(soon())

    async with shop(tmp_path) as s:
        ran = await s.ran(one)
    assert ran.state == "failed"
    assert ran.error is not None
    assert "'soon' is no duration" in ran.error.message
    assert "what it waits for" in ran.error.message


async def test_the_loser_is_withdrawn_though_a_teardown_stands_behind_it(tmp_path: Path) -> None:
    @flow(teardown=now)
    def one() -> object:
        return first_of(sleep("1s"), sleep("9d"))

    async with shop(tmp_path) as s:
        ran = await s.ran(one)
        assert anyio.current_time() < 9
    assert (ran.state, ran.states["sleep_2"]) == ("succeeded", "skipped")


async def test_a_condition_and_a_choice(tmp_path: Path) -> None:
    @flow
    def one(long: bool = False) -> object:
        skipped = sleep.options(when=now() < 0)("1d")
        return first_of(days(1), skipped)

    async with shop(tmp_path) as s:
        ran = await s.ran(one)
    assert (ran.result, ran.states["sleep"]) == ("1 days", "skipped")


async def test_a_wait_that_would_begin_after_the_choice_does_not(tmp_path: Path) -> None:
    @task
    async def slow() -> None:
        await anyio.sleep(5)

    @flow(teardown=now)
    def one() -> object:
        late = sleep("9d")
        chain(slow(), late)
        return first_of(days(1), late)

    async with shop(tmp_path) as s:
        ran = await s.ran(one)
        assert anyio.current_time() < 9
    assert (ran.state, ran.result, ran.states["sleep"]) == ("succeeded", "1 days", "skipped")


async def test_a_run_that_sleeps_can_be_cancelled(tmp_path: Path) -> None:
    @flow
    def one() -> None:
        chain(sleep("9d"), now())

    async with shop(tmp_path) as s:
        s.begin(one)
        await anyio.sleep(5)
        assert not s.engine.cancel("run_1", "enough"), "only its rows are there"
        s.cancel("run_1", "enough")
        assert (await s.end()).state == "cancelled"
    assert s.journal.states_of("run_1") == {"sleep": "cancelled", "now": "cancelled"}


async def test_after_a_restart_it_sleeps_on(tmp_path: Path) -> None:
    @flow
    def one() -> object:
        after = now()
        chain(sleep("1d"), after)
        return after

    async with shop(tmp_path) as s:
        s.begin(one)
        await anyio.sleep(3600)
        rows = list(s.journal.rows("run_1").values())
    assert [(row.name, row.state, row.due_at) for row in rows] == [("sleep", "waiting", DAY)]
    journal = MemoryJournal()
    journal.changes = s.journal.changes
    async with shop(tmp_path, journal=journal) as s:
        s.begin(one, tasks=rows)
        change = await s.end()
    assert change.result is not None
    assert float(change.result.body) == pytest.approx(86_400)


@pytest.mark.parametrize("duration", ["soon", -1, "1 fortnight", None])
def test_what_is_no_duration_is_a_load_error(duration: Any) -> None:
    @flow
    def one() -> None:
        sleep(duration)

    with pytest.raises(GraphError, match=r"sleep\(\): .* is no duration"):
        _ = one.graph


def test_options_that_say_nothing_about_a_wait() -> None:
    with pytest.raises(GraphError, match="sleep has no option 'retries'"):
        sleep.options(retries=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    with pytest.raises(GraphError, match="belongs in a flow body"):
        sleep("1d")
