"""Live news: every listener hears everything, or that it missed something."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.hub import KEPT, Hub, Listener, News

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def news(*numbers: int) -> list[News]:
    return [News("run", f"run_{number}") for number in numbers]


async def test_what_is_published_while_listening_is_heard_in_order() -> None:
    hub = Hub()
    hub.publish(news(0))
    with hub.listen() as first:
        hub.publish(news(1, 2))
        with hub.listen() as second:
            hub.publish(news(3))
            assert hub.listeners == 2
            assert list(await first.receive()) == news(1, 2, 3)
            assert list(await second.receive()) == news(3)
    assert hub.listeners == 0


async def test_who_waits_is_woken() -> None:
    hub = Hub()
    heard: list[Sequence[News]] = []

    async def hear(listener: Listener) -> None:
        heard.append(await listener.receive())

    with hub.listen() as first, hub.listen() as second:
        async with anyio.create_task_group() as group:
            group.start_soon(hear, first)
            group.start_soon(hear, second)
            await anyio.wait_all_tasks_blocked()
            hub.publish([])
            await anyio.wait_all_tasks_blocked()
            assert heard == []
            hub.publish(news(1))
    assert [list(item) for item in heard] == [news(1), news(1)]


async def test_who_falls_behind_is_told_and_nobody_else() -> None:
    hub = Hub()
    with hub.listen() as slow, hub.listen() as quick:
        for number in range(KEPT + 1):
            hub.publish(news(number))
            assert list(await quick.receive()) == news(number)
        assert list(await slow.receive()) == [News("resync", "")]
        hub.publish(news(7))
        assert list(await slow.receive()) == news(7)


async def test_a_closed_hub_ends_the_listening_after_what_there_was() -> None:
    hub = Hub()
    with hub.listen() as listener:
        hub.publish(news(1))
        hub.close()
        assert list(await listener.receive()) == news(1)
        with pytest.raises(anyio.EndOfStream):
            await listener.receive()


async def test_what_is_published_after_the_close_reaches_nobody() -> None:
    """Who still sends to a slow client has not left yet."""
    hub = Hub()
    with hub.listen() as listener:
        hub.close()
        hub.publish(news(1))
        with pytest.raises(anyio.EndOfStream):
            await listener.receive()


@given(st.lists(st.integers(0, KEPT), max_size=8))
def test_exactly_the_last_are_kept(batches: list[int]) -> None:
    async def run() -> None:
        hub = Hub()
        with hub.listen() as listener:
            for count in batches:
                hub.publish(news(*range(count)))
            if not sum(batches):
                return
            heard = list(await listener.receive())
            everything = [item for count in batches for item in news(*range(count))]
            assert heard == (everything if len(everything) <= KEPT else [News("resync", "")])

    anyio.run(run)
