"""Questions to the cluster beside the fetching: who it is, what the group has committed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition

from triphammer.sensors.kafka.connection import KafkaConnection
from triphammer.sensors.kafka.positions import Partition
from triphammer.sensors.kafka.start import Committed
from triphammer.sensors.kafka.topic_ids import topic_ids

CLOSE_SECONDS = 2.0
_UNKNOWN_CLUSTER = "unknown"


class Cluster:
    """The cluster behind a connection. `id` is its own name for itself."""

    def __init__(self, admin: Any, id: str) -> None:
        self._admin = admin
        self.id = id

    async def committed(
        self, group: str, partitions: Iterable[Partition]
    ) -> Mapping[Partition, Committed]:
        """What the group has committed, with the mark left by the committer."""
        wanted = [TopicPartition(*partition) for partition in partitions]
        found = await self._admin.list_consumer_group_offsets(group, partitions=wanted)
        return {
            tp: Committed(entry.offset, entry.metadata or "")
            for tp, entry in found.items()
            if entry.offset >= 0
        }

    async def topic_ids(self, topics: Iterable[str]) -> Mapping[str, str]:
        """The ids of those of `topics` that exist; none from a broker that knows no ids."""
        return await topic_ids(self._admin._client, topics)  # noqa: SLF001 - there is no other door

    async def ask(self) -> None:
        """Return if the cluster answers; raises the library's errors if not."""
        await self._admin.describe_cluster()


@asynccontextmanager
async def open_cluster(
    connection: KafkaConnection, request_timeout_ms: int
) -> AsyncGenerator[Cluster]:
    """The cluster of `connection`. Raises the library's errors while it cannot be reached."""
    admin: Any = AIOKafkaAdminClient(
        **connection.options, client_id="triphammer", request_timeout_ms=request_timeout_ms
    )
    try:
        await admin.start()
        described: Mapping[str, Any] = await admin.describe_cluster()
        yield Cluster(admin, described.get("cluster_id") or _UNKNOWN_CLUSTER)
    finally:
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await admin.close()
