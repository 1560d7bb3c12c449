from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import anyio
import pytest
import trio.testing
from aiokafka.errors import CommitFailedError

from triphammer.sensors.kafka.committer import Committer
from triphammer.sensors.kafka.positions import Partition, Position

pytestmark = pytest.mark.anyio

A, B = ("a", 0), ("b", 0)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


class Broker:
    """Takes commits, or fails, or keeps them waiting."""

    def __init__(self) -> None:
        self.taken: list[dict[Partition, Position]] = []
        self.failures = 0
        self.hangs = 0
        self.news = anyio.Event()

    async def commit(self, offsets: Mapping[Partition, Position]) -> None:
        await anyio.lowlevel.checkpoint()
        if self.hangs:
            self.hangs -= 1
            await anyio.sleep_forever()
        if self.failures:
            self.failures -= 1
            raise CommitFailedError("rebalanced")
        self.taken.append(dict(offsets))
        self.news.set()
        self.news = anyio.Event()


def make(broker: Broker) -> Committer:
    return Committer(broker.commit, limit=5.0, log=logging.getLogger("test"))


@asynccontextmanager
async def running(committer: Committer) -> AsyncGenerator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(committer.run)
        yield
        group.cancel_scope.cancel()


async def test_what_is_offered_together_is_one_request() -> None:
    broker = Broker()
    committer = make(broker)
    async with running(committer):
        committer.offer({A: Position(1), B: Position(1)})
        committer.offer({A: Position(2)})
        await broker.news.wait()
    assert broker.taken == [{A: Position(2), B: Position(1)}]


@pytest.mark.parametrize("trouble", ["failures", "hangs"])
async def test_a_failure_is_tried_again(trouble: str) -> None:
    broker = Broker()
    setattr(broker, trouble, 2)
    committer = make(broker)
    async with running(committer):
        committer.offer({A: Position(1)})
        await broker.news.wait()
    assert broker.taken == [{A: Position(1)}]


async def test_a_later_offset_replaces_one_that_failed() -> None:
    broker = Broker()
    broker.failures = 1
    committer = make(broker)
    committer.offer({A: Position(1), B: Position(1)})
    assert not await committer.flush()
    committer.offer({A: Position(5)})
    assert await committer.flush()
    assert broker.taken == [{A: Position(5), B: Position(1)}]


async def test_what_was_given_away_is_committed_no_more() -> None:
    broker = Broker()
    broker.hangs = 1
    committer = make(broker)
    committer.offer({A: Position(1)})
    async with anyio.create_task_group() as group:
        group.start_soon(committer.flush)
        await anyio.sleep(1)
        committer.forget()
    committer.offer({B: Position(2)})
    assert await committer.flush()
    assert broker.taken == [{B: Position(2)}]


async def test_nothing_to_commit_asks_nobody() -> None:
    broker = Broker()
    assert await make(broker).flush()
    assert broker.taken == []
