from __future__ import annotations

import anyio
import pytest

from triphammer.service.hub import QUEUE, Hub, News

pytestmark = pytest.mark.anyio


async def test_a_listener_that_fell_behind_is_told_so_once() -> None:
    hub = Hub()
    async with hub.listen() as news:
        hub.publish([News("run", str(n)) for n in range(QUEUE + 5)])
        for _ in range(QUEUE):
            assert (await news.receive()).kind == "run"
        hub.publish([News("run", "later")])
        assert [(await news.receive()).kind for _ in range(2)] == ["resync", "run"]
    assert hub.listeners == 0


async def test_what_is_published_after_the_close_reaches_nobody() -> None:
    """Who still sends to a slow client has not left yet."""
    hub = Hub()
    async with hub.listen() as news:
        hub.close()
        hub.publish([News("run", "1")])
        with pytest.raises(anyio.EndOfStream):
            await news.receive()
