from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.kafka.broker import Broker
from tests.kafka.cluster import ClusterClient, open_cluster_client


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def cluster(kafka: Broker) -> AsyncGenerator[ClusterClient]:
    async with open_cluster_client(kafka.bootstrap) as client:
        yield client
