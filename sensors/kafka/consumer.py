"""The library at arm's length: a group consumer with the few verbs that a session needs.

The topics are subscribed to by a pattern. Asking a broker for the metadata of a topic that
does not exist may create it; with a pattern the library asks for all topics, which never
creates one, finds one that is created later, and notices one that was deleted.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import anyio
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import CorruptRecordException
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from triphammer.sensors.kafka.connection import KafkaConnection
from triphammer.sensors.kafka.errors import KafkaNotReady, Unreadable
from triphammer.sensors.kafka.positions import Partition
from triphammer.sensors.kafka.records import Record
from triphammer.sensors.kafka.repair import repair
from triphammer.sensors.kafka.tuning import Tuning

CLOSE_SECONDS = 2.0

Revoked = Callable[[], Awaitable[None]]
Assigned = Callable[[Sequence[Partition]], None]


class GroupConsumer:
    """One member of a consumer group. `start` and `stop` as the library; all on one loop.

    With `member`, a name that is always the same, it is a static member (KIP-345): started
    again after a crash it has its partitions back at once, without a rebalance, but when it
    stops nobody else gets them before its session has timed out.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        group: str,
        topics: Iterable[str],
        tuning: Tuning,
        member: str | None = None,
    ) -> None:
        self._topics = tuple(topics)
        self._unreadable = 0
        self._tuning = tuning
        consumer_type: Any = AIOKafkaConsumer
        self._consumer: Any = consumer_type(
            **connection.options,
            client_id="triphammer",
            group_id=group,
            group_instance_id=member,
            enable_auto_commit=False,
            # With a reset policy the library goes on elsewhere with no more than a log line.
            auto_offset_reset="none",
            isolation_level="read_committed",
            metadata_max_age_ms=tuning.metadata_age_ms,
            max_poll_interval_ms=tuning.max_poll_interval_ms,
            session_timeout_ms=tuning.session_timeout_ms,
            rebalance_timeout_ms=tuning.rebalance_timeout_ms,
            request_timeout_ms=tuning.request_timeout_ms,
            heartbeat_interval_ms=tuning.session_timeout_ms // 4,
        )
        self._send: Any = self._consumer._client.send  # noqa: SLF001 - there is no other door
        self._consumer._client.send = self._send_and_repair  # noqa: SLF001

    async def start(self, *, revoked: Revoked, assigned: Assigned) -> None:
        """Join the group. `revoked` is awaited before partitions are given away, `assigned`
        called when some came."""
        pattern = "|".join(re.escape(topic) for topic in self._topics)
        listener = _Listener(revoked, assigned)
        self._consumer.subscribe(pattern=rf"(?:{pattern})\Z", listener=listener)
        await self._consumer.start()

    async def stop(self) -> None:
        """Leave the group and close every connection."""
        try:
            await self._consumer.stop()
        except BaseException:
            # Stopped halfway (its coordinator had died, or we were cancelled) the library
            # leaves its fetching and its connections open.
            with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                await self._close_rest()
            raise

    async def _close_rest(self) -> None:
        await self._consumer._client.close()  # noqa: SLF001 - there is no other way
        fetcher = self._consumer._fetcher  # noqa: SLF001
        if fetcher is not None:
            # It awaits tasks that it has cancelled; what is raised here is theirs, not ours.
            with suppress(asyncio.CancelledError):
                await fetcher.close()

    async def poll(self, timeout: float) -> Mapping[Partition, Sequence[Record]]:
        """The next records by partition, none after `timeout` seconds.

        Raises `Unreadable`, and `KafkaNotReady` when that goes on.
        """
        try:
            batch: Mapping[Partition, Sequence[Record]] = await self._consumer.getmany(
                timeout_ms=int(timeout * 1000), max_records=self._tuning.max_records
            )
        except (UnicodeDecodeError, CorruptRecordException) as error:
            self._unreadable += 1
            # Of each partition one more answer may be here already, fetched before the first.
            if self._unreadable > 1 + len(self._consumer.assignment()):
                raise KafkaNotReady(f"records cannot be read: {error}") from error
            raise Unreadable(str(error)) from error
        return batch

    async def _send_and_repair(self, node: int, request: Any, **more: Any) -> Any:
        """In the place of the library's own: once it had trouble, all that is fetched is
        looked through first."""
        answer: Any = await self._send(node, request, **more)
        if self._unreadable and isinstance(request, FetchRequest):
            answer.topics = [
                (topic, [(*facts, repair(records)) for *facts, records in partitions])
                for topic, partitions in answer.topics
            ]
        return answer

    def assigned(self) -> frozenset[Partition]:
        """The partitions that are this member's now."""
        return frozenset(self._consumer.assignment())

    def seek(self, partition: Partition, offset: int) -> None:
        """Make `offset` the next one fetched, dropping what was fetched before."""
        self._consumer.seek(TopicPartition(*partition), offset)

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Fetch no more of those of `partitions` that are assigned."""
        self._consumer.pause(*self._mine(partitions))

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Fetch again from those of `partitions` that are assigned."""
        self._consumer.resume(*self._mine(partitions))

    def paused(self) -> frozenset[Partition]:
        """The partitions that are not fetched from."""
        return frozenset(self._consumer.paused())

    async def commit(self, offsets: Mapping[Partition, tuple[int, str]]) -> None:
        """Commit next offsets of assigned partitions to the broker, each with its mark."""
        mine = self._mine(offsets)
        if mine:
            await self._consumer.commit({tp: OffsetAndMetadata(*offsets[tp]) for tp in mine})

    async def limits(self, partitions: Iterable[Partition]) -> dict[Partition, tuple[int, int]]:
        """The earliest offset and the end of each partition."""
        wanted = [TopicPartition(*partition) for partition in partitions]
        earliest = await self._consumer.beginning_offsets(wanted)
        ends = await self._consumer.end_offsets(wanted)
        return {tp: (earliest[tp], ends[tp]) for tp in wanted}

    def missing_topics(self) -> list[str]:
        """Topics that the cluster did not have when it was last asked."""
        known = self._consumer.partitions_for_topic
        return [topic for topic in self._topics if known(topic) is None]

    def answered_at(self, partitions: Iterable[Partition]) -> Sequence[float]:
        """When the broker last answered a fetch of each, in seconds since 1970; 0: never."""
        mine = self._mine(partitions)
        return [(self._consumer.last_poll_timestamp(tp) or 0) / 1000 for tp in mine]

    def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Where each ends, as the broker last told with a fetch; those that it has not."""
        mine = {
            partition: self._consumer.highwater(partition) for partition in self._mine(partitions)
        }
        return {partition: end for partition, end in mine.items() if end is not None}

    def _mine(self, partitions: Iterable[Partition]) -> list[TopicPartition]:
        assigned = self._consumer.assignment()
        return [TopicPartition(*partition) for partition in partitions if partition in assigned]


class _Listener(ConsumerRebalanceListener):
    def __init__(self, revoked: Revoked, assigned: Assigned) -> None:
        self._revoked = revoked
        self._assigned = assigned

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> Any:
        # The library awaits what comes back, though its annotation does not say so.
        return self._revoked()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._assigned(list(assigned))
