from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from triphammer.flows.journal import LogLine
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.store.logs import BATCH, QUEUE, WINDOW, LogStore, OldRuns
from triphammer.service.store.sqlite.connection import Connection, file_log, memory

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def lines(*texts: str) -> list[LogLine]:
    return [LogLine(n, "INFO", text) for n, text in enumerate(texts)]


async def _texts(logs: LogStore, run: str, task: str | None = None, **page: int) -> list[str]:
    return [line.text for line in await logs.lines(run, task, **page)]


async def _written(
    connection: Connection,
    fill: Callable[[LogStore], None],
    published: Callable[[str], None] = lambda _: None,
) -> LogStore:
    """A log store that was filled while it ran, and has written everything."""
    logs = LogStore(connection, published)
    await logs.prepare()
    async with anyio.create_task_group() as group:
        await group.start(logs.run)
        fill(logs)
        logs.close()
    return logs


async def test_lines_come_back_in_order() -> None:
    def fill(logs: LogStore) -> None:
        logs.sink("r", "a", 1, lines("one", "two"))
        logs.sink("r", "b", 1, lines("three"))
        logs.sink("r", "a", 2, lines("four"))
        logs.sink("other", "a", 1, lines("five"))

    published: list[str] = []
    async with memory() as connection:
        logs = await _written(connection, fill, published.append)
        assert await _texts(logs, "r") == ["one", "two", "three", "four"]
        assert await _texts(logs, "r", "a") == ["one", "two", "four"]
        assert await _texts(logs, "r", "a", attempt=2) == ["four"]
        assert await _texts(logs, "none") == []
        first = await logs.lines("r", limit=3)
        assert (first[0].at, first[0].level, first[0].attempt) == (0, "INFO", 1)
        assert await _texts(logs, "r", after=first[-1].seq) == ["four"]
        assert set(published) == {"r", "other"}


async def test_threads_may_write_at_once() -> None:
    def fill(logs: LogStore) -> None:
        def write(task: str) -> None:
            for number in range(200):
                logs.sink("r", task, 1, lines(f"{number}"))

        threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    async with memory() as connection:
        logs = await _written(connection, fill)
        for number in range(5):
            assert await _texts(logs, "r", f"t{number}") == [str(n) for n in range(200)]


async def test_lines_that_wait_for_the_writer_are_not_lost() -> None:
    async with memory() as connection:
        logs = LogStore(connection, lambda _: None)
        await logs.prepare()
        logs.sink("r", "a", 1, lines("early"))
        async with anyio.create_task_group() as group:
            await group.start(logs.run)
            logs.close()
        assert await _texts(logs, "r") == ["early"]


async def test_a_backlog_is_bounded_and_counted() -> None:
    def flood(logs: LogStore) -> None:
        logs.sink("r", "a", 1, [LogLine(0, "INFO", "x")] * (QUEUE + 7))

    async with memory() as connection:
        logs = await _written(connection, flood)
        assert logs.dropped == 7
        assert len(await logs.lines("r", limit=QUEUE * 2)) == QUEUE
        assert QUEUE > BATCH


async def test_a_failing_file_costs_lines_but_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with memory() as connection:
        published: list[str] = []
        broken = LogStore(connection, published.append)
        async with anyio.create_task_group() as group:
            await group.start(broken.run)
            broken.sink("r", "a", 1, lines("one", "two"))
            await anyio.wait_all_tasks_blocked()
            broken.sink("r", "a", 1, lines("more"))
            await anyio.wait_all_tasks_blocked()
            assert broken.dropped == 3
            with pytest.raises(StoreUnavailable, match="cannot be used"):
                await broken.lines("r")
            await broken.prepare()
            broken.sink("r", "a", 1, lines("three"))
            broken.close()
        assert await _texts(broken, "r") == ["three"]
        assert published == ["r"]
    assert caplog.text.count("lines are lost for now") == 1
    assert "stored again; 3 were lost" in caplog.text


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_lines_outlive_the_process(tmp_path: Path) -> None:
    async with file_log(tmp_path / "logs.db") as connection:
        await _written(connection, lambda logs: logs.sink("r", "a", 1, lines("kept")))
    async with file_log(tmp_path / "logs.db") as connection:
        logs = LogStore(connection, lambda _: None)
        await logs.prepare()
        assert await _texts(logs, "r") == ["kept"]


async def test_the_lines_of_runs_that_are_gone_are_forgotten() -> None:
    def fill(logs: LogStore) -> None:
        logs.sink("a", "t", 1, [LogLine(1, "INFO", "x")] * (2 * WINDOW + 1))
        logs.sink("b", "t", 1, lines("stays"))
        logs.sink("c", "t", 1, lines("goes"))

    async with memory() as connection:
        logs = await _written(connection, fill)
        assert await logs.forget(["a", "c", "none"]) == 2 * WINDOW + 2
        assert await logs.forget([]) == 0
        assert await _texts(logs, "a") == []
        assert await _texts(logs, "b") == ["stays"]


async def test_which_runs_have_old_lines() -> None:
    def fill(logs: LogStore) -> None:
        for run, at in (("a", 1), ("a", 2), ("b", 5), ("c", 3), ("d", 9)):
            logs.sink(run, "t", 1, [LogLine(at, "INFO", "x")])

    async with memory() as connection:
        logs = await _written(connection, fill)
        old = await logs.old_runs(5, 0)
        assert (sorted(old.runs), old.after) == (["a", "c"], 5)
        assert await logs.old_runs(5, 5) == OldRuns([], None)
        assert await logs.old_runs(1, 0) == OldRuns([], None)
