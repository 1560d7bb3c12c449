"""Looking again whenever there are news."""

from __future__ import annotations

import anyio
import pytest

from triphammer.service.cli.watching import MOST, Heard
from triphammer.service.client.news import News

pytestmark = pytest.mark.anyio


async def test_of_each_thing_the_last_is_told() -> None:
    heard = Heard()
    for state in ("queued", "running"):
        heard.add(News("run", "run_1", "f", state))
    heard.add(News("run", "run_2", "f", "queued"))
    heard.add(News("run", "run_1", "f", "failed"))
    assert [(n.id, n.state) for n in await heard.take()] == [
        ("run_2", "queued"),
        ("run_1", "failed"),
    ]


async def test_it_is_waited_for() -> None:
    heard = Heard()
    taken: list[News] = []

    async def take() -> None:
        taken.extend(await heard.take())

    async with anyio.create_task_group() as group:
        group.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        assert taken == []
        heard.add(News("run", "run_1"))
    assert [news.id for news in taken] == ["run_1"]


async def test_more_than_can_be_remembered_is_everything() -> None:
    heard = Heard()
    for number in range(MOST + 1):
        heard.add(News("run", f"run_{number}"))
    assert [news.kind for news in await heard.take()] == ["resync", "run"]
