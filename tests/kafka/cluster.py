"""What tests do to a cluster beside producing: topics, records, a group's offsets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import anyio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from triphammer.sensors.kafka.topic_ids import topic_ids

CONSUMER: Any = AIOKafkaConsumer
PRODUCER: Any = AIOKafkaProducer


def new_name(what: str) -> str:
    """A topic or group name that no other test uses."""
    return f"{what}-{uuid4().hex[:8]}"


class ClusterClient:
    """An operator and a producer."""

    def __init__(self, bootstrap: str, admin: Any, producer: Any) -> None:
        self.bootstrap = bootstrap
        self.admin = admin
        self.producer = producer

    async def id(self) -> str:
        """The cluster's own name."""
        described = await self.admin.describe_cluster()
        name: str = described["cluster_id"]
        return name

    async def create_topic(self, name: str, partitions: int = 1) -> None:
        new_topic: Any = NewTopic
        await self.admin.create_topics([new_topic(name, partitions, 1)])

    async def add_partitions(self, name: str, count: int) -> None:
        """Make them `count`; returns once they can be produced to."""
        new: Any = NewPartitions
        await self.admin.create_partitions({name: new(total_count=count)})
        while len(self.producer.client.cluster.partitions_for_topic(name) or ()) < count:
            await self.producer.client.force_metadata_update()

    async def topic_id(self, name: str) -> str:
        """What no other topic ever has."""
        return (await topic_ids(self.admin._client, [name]))[name]

    async def delete_topic(self, name: str) -> None:
        """Returns once the topic is gone from the cluster's metadata."""
        await self.admin.delete_topics([name])
        while name in await self.admin.list_topics():  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.05)

    async def delete_records(self, topic: str, before: int, partition: int = 0) -> None:
        """Remove the records before an offset, as retention does."""
        records: Any = RecordsToDelete
        target = TopicPartition(topic, partition)
        await self.admin.delete_records({target: records(before_offset=before)})

    async def produce(
        self, topic: str, values: Sequence[bytes | None], partition: int = 0, **more: Any
    ) -> None:
        for value in values:
            await self.producer.send(topic, value, partition=partition, **more)
        await self.producer.flush()

    async def produce_batch(self, topic: str, batch: bytes, partition: int = 0) -> None:
        """Send a batch that was made elsewhere, whatever is in it."""
        builder = self.producer.create_batch()
        builder.close()
        builder._buffer, builder._relative_offset = batch, int.from_bytes(batch[57:61], "big")
        await (await self.producer.send_batch(builder, topic, partition=partition))

    async def produce_compressed(self, topic: str, values: Sequence[bytes], codec: str) -> None:
        producer = PRODUCER(bootstrap_servers=self.bootstrap, compression_type=codec)
        await producer.start()
        try:
            for value in values:
                await producer.send(topic, value)
        finally:
            await producer.stop()

    async def produce_in_transactions(
        self, topic: str, transactions: Sequence[tuple[Sequence[bytes], bool]]
    ) -> None:
        """Each transaction's values; committed if it says so, else aborted."""
        producer = PRODUCER(bootstrap_servers=self.bootstrap, transactional_id=new_name("tx"))
        await producer.start()
        try:
            for values, committed in transactions:
                await producer.begin_transaction()
                for value in values:
                    await producer.send_and_wait(topic, value)
                if committed:
                    await producer.commit_transaction()
                else:
                    await producer.abort_transaction()
        finally:
            await producer.stop()

    async def members(self, group: str) -> set[str]:
        """The ids of the group's members; every rejoin after an expiry gives a new one."""
        (described,) = await self.admin.describe_consumer_groups([group])
        (found,) = described.groups
        return {member[0] for member in found[5]}

    async def committed(self, group: str) -> Mapping[tuple[str, int], tuple[int, str]]:
        """The group's offsets: offset and metadata by partition."""
        found = await self.admin.list_consumer_group_offsets(group)
        return {tuple(tp): (entry.offset, entry.metadata) for tp, entry in found.items()}

    async def reset_group(self, group: str, topic: str, offset: int, *, mark: str = "") -> None:
        """Move the offset of a group without members, as the command line tools do."""
        target = TopicPartition(topic, 0)
        consumer = CONSUMER(bootstrap_servers=self.bootstrap, group_id=group)
        consumer.assign([target])
        await consumer.start()
        try:
            await consumer.commit({target: OffsetAndMetadata(offset, mark)})
        finally:
            await consumer.stop()

    async def count(self, topic: str) -> int:
        """How many records were ever produced to the topic."""
        consumer = CONSUMER(bootstrap_servers=self.bootstrap)
        await consumer.start()
        try:
            await consumer._client._wait_on_metadata(topic)
            numbers = consumer.partitions_for_topic(topic)
            ends = await consumer.end_offsets([TopicPartition(topic, n) for n in numbers])
        finally:
            await consumer.stop()
        return sum(ends.values())

    async def read_all(self, topic: str) -> list[Any]:
        """Every record that is in the topic now, partition by partition."""
        consumer = CONSUMER(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            await consumer._client._wait_on_metadata(topic)
            found: list[Any] = []
            for number in sorted(consumer.partitions_for_topic(topic)):
                found += await _read_partition(consumer, TopicPartition(topic, number))
            return found
        finally:
            await consumer.stop()

    async def read(self, topic: str, count: int) -> list[Any]:
        """The first `count` records of the topic's first partition."""
        consumer = CONSUMER(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.start()
        try:
            return [await consumer.getone() for _ in range(count)]
        finally:
            await consumer.stop()


async def _read_partition(consumer: Any, partition: TopicPartition) -> list[Any]:
    consumer.assign([partition])
    end = (await consumer.end_offsets([partition]))[partition]
    found: list[Any] = []
    while await consumer.position(partition) < end:
        found.append(await consumer.getone())
    return found


@asynccontextmanager
async def open_cluster_client(bootstrap: str) -> AsyncGenerator[ClusterClient]:
    """A client of the cluster at `bootstrap`."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    producer = PRODUCER(bootstrap_servers=bootstrap)
    await admin.start()
    await producer.start()
    try:
        yield ClusterClient(bootstrap, admin, producer)
    finally:
        await producer.stop()
        await admin.close()
