from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest

from triphammer.flows.journal import LogLine
from triphammer.service.store.log_pages import WINDOWS, LogPage
from triphammer.service.store.logs import LogStore
from triphammer.service.store.sqlite.connection import memory

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def a_log(*lines: tuple[str, str, str]) -> AsyncGenerator[LogStore]:
    """A log of the run `r`: task, level and text of each line, numbered from one."""
    async with memory() as connection:
        logs = LogStore(connection, lambda _: None)
        await logs.prepare()
        async with anyio.create_task_group() as group:
            await group.start(logs.run)
            for task, level, text in lines:
                logs.sink("r", task, 1, [LogLine(0, level, text)])
            logs.close()
        yield logs


def numbered(count: int) -> list[tuple[str, str, str]]:
    return [("a", "INFO", f"line {n}") for n in range(1, count + 1)]


async def test_the_last_lines_come_first_and_pages_go_both_ways() -> None:
    async with a_log(*numbered(10)) as logs:
        last = await logs.page(LogPage(run="r", limit=4))
        assert [line.seq for line in last.lines] == [7, 8, 9, 10]
        assert last.further == 7
        older = await logs.page(LogPage(run="r", before=7, limit=4))
        assert [line.seq for line in older.lines] == [3, 4, 5, 6]
        newer = await logs.page(LogPage(run="r", since=6, limit=3))
        assert ([line.seq for line in newer.lines], newer.further) == ([7, 8, 9], 9)
        end = await logs.page(LogPage(run="r", since=9, limit=3))
        assert ([line.seq for line in end.lines], end.further) == ([10], None)
        first = await logs.page(LogPage(run="r", before=3, limit=4))
        assert ([line.seq for line in first.lines], first.further) == ([1, 2], None)


async def test_lines_are_narrowed_by_task_level_attempt_and_words() -> None:
    lines = [
        ("enrich[0]", "INFO", "Begins"),
        ("enrich[1]", "ERROR", "no such ROW"),
        ("enricher", "ERROR", "another row"),
        ("load", "WARNING", "50% done"),
    ]
    async with a_log(*lines) as logs:

        async def found(page: LogPage) -> list[int]:
            return [line.seq for line in (await logs.page(page)).lines]

        assert await found(LogPage(run="r", task="enrich")) == [1, 2]
        assert await found(LogPage(run="r", task="enrich[1]")) == [2]
        assert await found(LogPage(run="r", levels=("WARNING", "ERROR"))) == [2, 3, 4]
        assert await found(LogPage(run="r", words="Row")) == [2, 3]
        assert await found(LogPage(run="r", words="%")) == [4]
        assert await found(LogPage(run="r", attempt=2)) == []
        assert await found(LogPage(run="other")) == []


async def test_a_search_ends_after_so_many_lines_and_says_where_to_go_on() -> None:
    async with a_log(("a", "INFO", "needle"), *numbered(WINDOWS * 10)) as logs:
        found = await logs.page(LogPage(run="r", words="needle", window=10))
        assert found.lines == []
        assert (found.cut_short, found.further) == (True, 2)
        further = await logs.page(LogPage(run="r", words="needle", before=2, window=10))
        assert [line.text for line in further.lines] == ["needle"]
        assert not further.cut_short
        forward = await logs.page(LogPage(run="r", words="line 42", since=0, window=10))
        assert [line.text for line in forward.lines] == ["line 42"]
