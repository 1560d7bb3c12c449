"""The sweeper: what `[retention]` says, by rows, lines, files and folders."""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from tests.contracts.store_cases import (
    a_run,
    a_task,
    an_event,
    begun,
    changed,
    one,
    ran,
    running,
)
from tests.sensors.harness import START, FakeClock
from triphammer.config.clock import Clock
from triphammer.config.settings import Retention
from triphammer.flows.journal import Encoded, LogLine
from triphammer.service.retention import EVERY, FIRST, Sweeper, Swept
from triphammer.service.store.access import AuditPage, Did
from triphammer.service.store.artifacts import FRESH_SECONDS, FileArtifacts
from triphammer.service.store.contract import Accept, Page
from triphammer.service.store.opening import DATABASE, Opened, open_folder

DAY = 86_400_000_000
LONG_AGO = START - 40 * DAY

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Kept:
    """An open data folder, its sweeper, and a clock to set."""

    def __init__(self, opened: Opened, folder: Path, settings: Retention) -> None:
        self.opened = opened
        self.store = opened.store
        self.clock = FakeClock()
        self.folder = folder
        self.ticks = 0.0
        self.given, self.published = set[str](), set[str]()
        self.news = anyio.Event()
        self.artifacts = FileArtifacts(folder / "artifacts", lambda: self.ticks)
        self.settings = settings
        self.sweeper = self.with_clock(self.clock)

    def with_clock(self, clock: Clock) -> Sweeper:
        return Sweeper(
            store=self.store,
            logs=self.opened.logs,
            artifacts=self.artifacts,
            workdir=self.folder / "work",
            settings=self.settings,
            clock=clock,
            log=logging.getLogger("test"),
        )

    async def ended(self, *, at: int, state: str = "succeeded", content: bytes = b"") -> str:
        """A run that ended then, with a line of log, a folder and an artifact."""
        run, event = a_run(), an_event(now=at)
        await begun(self.store, run, event=event)
        result = Encoded("artifact", self.artifacts.put(content).encode(), "json")
        task = a_task("t")
        await one(self.store, changed(run, tasks=(task,)))
        await one(self.store, changed(run, state=state, finished_at=at, result=result))
        self.printed(run.id, at)
        (self.folder / "work" / run.id).mkdir(parents=True)
        return run.id

    def printed(self, run: str, at: int) -> None:
        """Hand a line of a run to the log."""
        self.given.add(run)
        self.opened.logs.sink(run, "t", 1, [LogLine(at, "INFO", "x")])

    def note(self, run: str) -> None:
        """The lines of the run are stored."""
        self.published.add(run)
        self.news.set()

    async def written(self) -> None:
        """Return once the lines that were given are in their file."""
        while self.given - self.published:
            self.news = anyio.Event()
            await self.news.wait()

    async def runs(self) -> list[str]:
        return [run.id for run in reversed(await self.store.runs(Page(limit=100)))]


@pytest.fixture
def settings() -> Retention:
    return Retention()


@pytest.fixture
async def kept(tmp_path: Path, settings: Retention) -> AsyncGenerator[Kept]:
    made: list[Kept] = []

    def published(run: str) -> None:
        made[0].note(run)

    async with running(open_folder(tmp_path, failed=_unexpected, published=published)) as opened:
        made.append(Kept(opened, tmp_path, settings))
        yield made[0]


def _unexpected(error: Exception) -> None:
    raise AssertionError("the store failed") from error


async def test_a_sweep_takes_all_that_belongs_to_a_run(kept: Kept) -> None:
    old = await kept.ended(at=LONG_AGO, content=b"old")
    young = await kept.ended(at=START, content=b"young")
    await kept.written()
    kept.ticks += FRESH_SECONDS
    dry = await kept.sweeper.sweep(dry=True)
    assert (dry.events, dry.runs) == (1, 1)
    assert await kept.runs() == [old, young]
    swept = await kept.sweeper.sweep()
    assert swept == Swept(events=1, runs=1, identities=1, lines=1, artifacts=1, bytes=3, folders=1)
    assert await kept.runs() == [young]
    assert len(await kept.opened.logs.lines(young)) == 1
    assert await kept.opened.logs.lines(old) == []
    assert [f.name for f in (kept.folder / "work").iterdir()] == [young]
    assert len(list(kept.artifacts.stored())) == 1
    assert await kept.sweeper.sweep() == Swept()


async def test_the_audit_log_is_kept_as_long_as_it_says(kept: Kept) -> None:
    for at in (START - 400 * DAY, START - 300 * DAY, START):
        did = Did(
            at=at, who="a", token=None, address="", action="pause_flow", target="x", status=200
        )
        await kept.store.commit([did])
    assert await kept.sweeper.sweep() == Swept(audit=1)
    assert [row.did.at for row in await kept.store.audit(AuditPage())] == [START, START - 300 * DAY]


async def test_an_artifact_of_two_runs_goes_with_the_last(kept: Kept) -> None:
    await kept.ended(at=LONG_AGO, content=b"same")
    await kept.ended(at=START - DAY, content=b"same")
    await kept.ended(at=START, content=b"other")
    await kept.written()
    kept.ticks += FRESH_SECONDS
    assert (await kept.sweeper.sweep()).artifacts == 0
    kept.clock.step(35 * DAY)
    assert (await kept.sweeper.sweep()).artifacts == 1


async def test_an_artifact_whose_row_is_on_its_way_stays(kept: Kept) -> None:
    digest = kept.artifacts.put(b"not committed yet")
    await kept.sweeper.sweep()
    assert kept.artifacts.get(digest) == b"not committed yet"


async def test_lines_that_a_crash_left_behind_go_too(kept: Kept) -> None:
    kept.printed("run_gone", LONG_AGO)
    kept.printed("run_young", START)
    await kept.written()
    assert (await kept.sweeper.sweep()).lines == 1
    assert len(await kept.opened.logs.lines("run_young")) == 1


@pytest.mark.parametrize("settings", [Retention(events=2)])
async def test_only_the_newest_are_kept(kept: Kept) -> None:
    runs = [await kept.ended(at=START) for _ in range(5)]
    await kept.written()
    swept = await kept.sweeper.sweep()
    assert (swept.events, swept.lines) == (3, 3)
    assert await kept.runs() == runs[3:]


@pytest.mark.parametrize("settings", [Retention(events=2)])
async def test_what_is_old_and_too_many_is_counted_once(kept: Kept) -> None:
    for at in (LONG_AGO, LONG_AGO, START, LONG_AGO, START):
        await kept.ended(at=at)
    await kept.written()
    would = await kept.sweeper.sweep(dry=True)
    swept = await kept.sweeper.sweep()
    assert (would.events, would.runs) == (swept.events, swept.runs) == (4, 4)


@pytest.mark.parametrize("settings", [Retention(), Retention(failed=timedelta(days=35))])
async def test_failed_runs_stay_as_long_as_they_are_to(kept: Kept, settings: Retention) -> None:
    failed = await kept.ended(at=LONG_AGO, state="failed")
    last = await kept.ended(at=START)
    await kept.sweeper.sweep()
    assert await kept.runs() == ([last] if settings.failed else [failed, last])


async def test_identities_go_later_than_their_events(kept: Kept) -> None:
    event = an_event("order-1", now=LONG_AGO)
    await one(kept.store, Accept(decided=(ran(event),), received_at=LONG_AGO))
    await kept.ended(at=START)
    assert await kept.sweeper.sweep() == Swept(events=1)
    assert await kept.sweeper.sweep() == Swept()
    kept.clock.step(51 * DAY)
    assert (await kept.sweeper.sweep()).identities == 1


class StepClock:
    """Stands still; goes to each moment that is waited for when the test says so."""

    reread = math.inf

    def __init__(self) -> None:
        self._now = START
        self._dues, self.waited = anyio.create_memory_object_stream[int](10)
        self.go, self._goes = anyio.create_memory_object_stream[None](10)

    def close(self) -> None:
        for stream in (self._dues, self.waited, self.go, self._goes):
            stream.close()

    def now(self) -> int:
        return self._now

    async def wait_until(self, due: int) -> None:
        await self._dues.send(due)
        await self._goes.receive()
        self._now = due


async def test_it_sweeps_soon_after_the_start_and_then_every_hour(kept: Kept) -> None:
    clock, hour = StepClock(), EVERY // timedelta(microseconds=1)
    sweeper = kept.with_clock(clock)
    due = START + FIRST // timedelta(microseconds=1)
    async with anyio.create_task_group() as group:
        await group.start(sweeper.run)
        for _ in range(3):
            assert await clock.waited.receive() == due
            await clock.go.send(None)
            due += hour
        group.cancel_scope.cancel()
    clock.close()


async def test_a_sweep_that_fails_is_followed_by_the_next(tmp_path: Path) -> None:
    clock = StepClock()
    failures: list[Exception] = []
    opening = open_folder(tmp_path, failed=failures.append, published=lambda _: None)
    async with running(opening) as opened:
        sweeper = Kept(opened, tmp_path, Retention()).with_clock(clock)
        with closing(sqlite3.connect(tmp_path / DATABASE)) as raw:
            raw.execute("DROP TABLE identities")
        async with anyio.create_task_group() as group:
            await group.start(sweeper.run)
            for _ in range(2):
                await clock.waited.receive()
                await clock.go.send(None)
            await clock.waited.receive()
            group.cancel_scope.cancel()
    assert failures
    clock.close()
