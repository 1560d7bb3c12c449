from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from tests.kafka.broker import Broker
from tests.kafka.cluster import ClusterClient, open_cluster_client


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def cluster(kafka: Broker) -> AsyncGenerator[ClusterClient]:
    async with open_cluster_client(kafka.bootstrap) as client:
        yield client


@pytest.fixture
async def abandoned_commits() -> AsyncGenerator[None]:
    """Take no failure of a commit that was given up for one of the test.

    aiokafka shields the request that it has sent: when we stop waiting for it, because the
    broker is away, its later failure has nobody to go to but the loop's handler.
    """
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()

    def pass_on(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        abandoned = "never retrieved" in str(context.get("message"))
        if abandoned and isinstance(context.get("exception"), KafkaError):
            return
        if handler is None:
            loop.default_exception_handler(context)
        else:
            handler(loop, context)

    loop.set_exception_handler(pass_on)
    yield
    loop.set_exception_handler(handler)
