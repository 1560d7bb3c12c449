from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.kafka.cluster import ClusterClient, open_cluster_client
from tests.kafka.node import KafkaNode


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def cluster(kafka: KafkaNode) -> AsyncGenerator[ClusterClient]:
    async with open_cluster_client(kafka.bootstrap) as client:
        yield client
