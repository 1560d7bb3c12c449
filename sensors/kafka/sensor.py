"""The sensor of Kafka topics: one a connection and group, connected again and again."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, Self, cast

import anyio
import msgspec
from aiokafka.errors import KafkaConnectionError, KafkaError
from anyio.abc import TaskStatus

from triphammer.config.source import SensorSpec
from triphammer.sensors.contract import SensorContext
from triphammer.sensors.kafka.cluster import Cluster, open_cluster
from triphammer.sensors.kafka.connection import KafkaConnection, kafka_connection
from triphammer.sensors.kafka.consumer import GroupConsumer
from triphammer.sensors.kafka.errors import KafkaNotReady
from triphammer.sensors.kafka.health import Reporter, Watch
from triphammer.sensors.kafka.options import KafkaOptions, merge_options
from triphammer.sensors.kafka.positions import Partition
from triphammer.sensors.kafka.session import Session
from triphammer.sensors.kafka.tuning import Tuning

STOP_SECONDS = 3.0
JOIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Joined:
    consumer: GroupConsumer
    session: Session
    cluster: Cluster


class KafkaSensor:
    """Records of topics to events, exactly as stored positions say.

    Without a broker, or while it cannot be reached, it reports why and goes on trying.
    """

    kind: ClassVar[str] = "kafka"

    def __init__(self, context: SensorContext, tuning: Tuning | None = None) -> None:
        self._context = context
        self._tuning = tuning or Tuning()
        self._options = msgspec.convert(context.spec.options, KafkaOptions)
        self._report = Reporter(context.ready, context.log)
        self._session: Session | None = None

    @classmethod
    def merge(cls, specs: Sequence[SensorSpec]) -> SensorSpec:
        """One sensor for all topics of a connection and group; see `merge_options`."""
        merged = merge_options(spec.options for spec in specs)
        return SensorSpec(specs[0].kind, specs[0].name, merged.as_mapping())

    @classmethod
    def build(cls, context: SensorContext) -> Self:
        """The sensor of `context.spec`."""
        return cls(context)

    def lag(self) -> Mapping[Partition, int]:
        """Of each partition that is read how many records are not taken in yet."""
        return {} if self._session is None else self._session.lag()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Read until cancelled. Raises `SettingsError` when the connection cannot work."""
        connection = kafka_connection(
            self._context.settings, self._context.secrets, self._options.connection
        )
        if not connection.bootstrap:
            self._report(connection.missing)
            task_status.started()
            await anyio.sleep_forever()
        started = _Once(task_status)
        delay = self._tuning.first_backoff
        while True:
            joined = await self._attempt(connection, started)
            delay = self._tuning.first_backoff if joined else delay
            await anyio.sleep(delay)
            delay = min(delay * 2, self._tuning.max_backoff)

    async def _attempt(self, connection: KafkaConnection, started: _Once) -> bool:
        """One membership in the group, to its end by a failure; whether it ever began."""
        joined = False
        try:
            async with self._joined(connection) as parts:
                joined = True
                self._report(None)
                started()
                await self._read(parts, connection)
        except* (KafkaError, KafkaNotReady, OSError, TimeoutError) as errors:
            self._report(_reason(errors, connection.bootstrap))
            started()
        return joined

    async def _read(self, parts: _Joined, connection: KafkaConnection) -> None:
        watch = Watch(
            consumer=parts.consumer,
            session=parts.session,
            cluster=parts.cluster,
            bootstrap=connection.bootstrap,
            tuning=self._tuning,
            report=self._report,
        )
        async with anyio.create_task_group() as group:
            group.start_soon(watch.run, name="kafka watch")
            await parts.session.run()

    @asynccontextmanager
    async def _joined(self, connection: KafkaConnection) -> AsyncGenerator[_Joined]:
        group = self._group(connection)
        async with open_cluster(connection, self._tuning.request_timeout_ms) as cluster:
            consumer = GroupConsumer(
                connection,
                group=group,
                topics=self._options.topics,
                tuning=self._tuning,
                member=self._member(connection),
            )
            session = Session(
                context=self._context,
                options=self._options,
                group=group,
                consumer=consumer,
                cluster=cluster,
                tuning=self._tuning,
            )
            try:
                await _join(consumer, session, group)
                self._session = session
                yield _Joined(consumer, session, cluster)
            finally:
                self._session = None
                with anyio.move_on_after(STOP_SECONDS, shield=True):
                    await session.committer.flush()
                with anyio.move_on_after(STOP_SECONDS, shield=True):
                    await consumer.stop()

    def _group(self, connection: KafkaConnection) -> str:
        return self._chosen_group(connection) or f"triphammer-{self._context.folder_id}"

    def _chosen_group(self, connection: KafkaConnection) -> str | None:
        return self._options.group or connection.group

    def _member(self, connection: KafkaConnection) -> str | None:
        """A group of the folder's own has nobody who could take over: its member is static."""
        if self._chosen_group(connection):
            return None
        which = hashlib.sha256(self._context.spec.id.encode()).hexdigest()[:16]
        return f"triphammer-{self._context.folder_id}-{which}"


async def _join(consumer: GroupConsumer, session: Session, group: str) -> None:
    with anyio.move_on_after(JOIN_SECONDS):
        await consumer.start(revoked=session.revoked, assigned=session.assigned)
        return
    raise KafkaNotReady(f"the consumer group {group!r} let nobody join for {JOIN_SECONDS:g} s")


class _Once:
    """Says that the sensor has started, the first time it is called."""

    def __init__(self, task_status: TaskStatus[None]) -> None:
        self._task_status = task_status
        self._said = False

    def __call__(self) -> None:
        if not self._said:
            self._said = True
            self._task_status.started()


def _reason(error: BaseException, bootstrap: str) -> str:
    if isinstance(error, BaseExceptionGroup):
        return _reason(cast("BaseExceptionGroup[BaseException]", error).exceptions[0], bootstrap)
    if isinstance(error, KafkaConnectionError | OSError):
        return f"cannot reach the Kafka broker {bootstrap}"
    return f"Kafka broker {bootstrap}: {str(error) or type(error).__name__}"
