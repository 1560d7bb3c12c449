"""Kafka messages out: one idempotent producer a connection.

An idempotent producer of the library never gives a batch up, and after a batch that failed
for good its numbering is broken: so each attempt has a time limit, and after any failure the
producer is thrown away. What it may have sent all the same comes again under the same id.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import anyio
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)

from triphammer.config.errors import MissingSecretError, SettingsError
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.flows.journal import OutMessage
from triphammer.sensors.kafka.connection import KafkaConnection, kafka_connection
from triphammer.service.outbox.outcome import Dead, Delivered, Outcome, Retry
from triphammer.service.outbox.records import ID_HEADER, misfit

STOP_SECONDS = 2.0
CONNECT_SECONDS = 10.0
"""Longer than a broker takes; of one that was cut off and is back, a new attempt hears sooner
than one under way."""
MAX_REQUEST = 64 * 1024 * 1024
"""What the producer lets pass: the broker knows the real limit."""


class KafkaSender:
    """Publishes messages; use it as a context manager."""

    def __init__(
        self, *, settings: Settings, secrets: Secrets, timeout: float, log: logging.Logger
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._timeout = timeout
        self._log = log
        self._lines: dict[str, _Line] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for line in self._lines.values():
            await line.close()

    async def deliver(self, message: OutMessage) -> Outcome:
        """One attempt; done when every in-sync replica has the message."""
        if (dead := misfit(message)) is not None:
            return dead
        try:
            connection = kafka_connection(self._settings, self._secrets, message.connection)
        except (SettingsError, MissingSecretError) as error:
            return Retry(self._secrets.mask(str(error)), unreachable=True)
        if not connection.bootstrap:
            return Retry(connection.missing, unreachable=True)
        line = self._lines.setdefault(connection.name, _Line(self._timeout))
        try:
            await line.send(connection, message)
        except UnicodeEncodeError as error:
            return Dead(f"key or headers are not valid text: {error}")
        except (KafkaError, OSError, TimeoutError) as error:
            return self._failed(connection, message, error)
        return Delivered()

    def _failed(
        self, connection: KafkaConnection, message: OutMessage, error: Exception
    ) -> Outcome:
        if isinstance(error, _TopicMissing):
            return Retry(f"no topic {message.target!r} at {connection.bootstrap}; create it")
        if isinstance(error, MessageSizeTooLargeError):
            return Dead(f"topic {message.target!r} refuses the message as too large: {error}")
        if isinstance(error, TopicAuthorizationFailedError):
            return Retry(f"not allowed to write to the Kafka topic {message.target!r}")
        text = str(error) or f"no answer within {self._timeout:g} s"
        reason = self._secrets.mask(f"Kafka broker {connection.bootstrap}: {text}")
        return Retry(reason, unreachable=True)


class _TopicMissing(KafkaError):
    """The broker answers, but has no such topic and does not create it."""


@dataclass(slots=True)
class _Open:
    """A producer at work, and the scopes of those who wait for it."""

    producer: Any
    waiting: set[anyio.CancelScope] = field(default_factory=set[anyio.CancelScope])


class _Line:
    """The producer of one connection: made when needed, thrown away after a failure."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._opening = anyio.Lock()
        self._open: _Open | None = None

    async def send(self, connection: KafkaConnection, message: OutMessage) -> None:
        """Publish and wait for the acknowledgement; raises the library's errors."""
        async with self._opening:
            if self._open is None:
                self._open = _Open(await self._started(connection))
            opened = self._open
        with anyio.CancelScope() as scope:
            opened.waiting.add(scope)
            try:
                await self._publish(opened.producer, message)
            except _TopicMissing:
                raise
            except (KafkaError, OSError, TimeoutError):
                await self._throw_away(opened)
                raise
            finally:
                opened.waiting.discard(scope)
        if scope.cancelled_caught:
            raise KafkaError("the connection failed with another message")

    async def close(self) -> None:
        """Close the producer; who still waits for it gets an error."""
        if self._open is not None:
            await self._throw_away(self._open)

    async def _publish(self, producer: Any, message: OutMessage) -> None:
        headers = [(name, value.encode()) for name, value in message.headers.items()]
        key = None if message.key is None else message.key.encode()
        await self._find_topic(producer, message.target)
        with anyio.fail_after(self._timeout):
            await producer.send_and_wait(
                message.target,
                value=message.body,
                key=key,
                headers=[*headers, (ID_HEADER, message.id.encode())],
            )

    async def _find_topic(self, producer: Any, topic: str) -> None:
        """Wait for the topic's metadata; most brokers create a topic that is asked for.

        While a topic is missing the library asks on and on; only the cluster's list of
        topics tells that from a broker that does not answer.
        """
        with anyio.move_on_after(self._timeout / 2):
            await producer.partitions_for(topic)
            return
        with anyio.fail_after(self._timeout / 2):
            known = await producer.client.fetch_all_metadata()
        if known.partitions_for_topic(topic) is None:
            raise _TopicMissing

    async def _started(self, connection: KafkaConnection) -> Any:
        producer_type: Any = AIOKafkaProducer
        producer: Any = producer_type(
            **connection.options,
            client_id="triphammer",
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=int(self._timeout * 1000),
            max_request_size=MAX_REQUEST,
        )
        try:
            with anyio.fail_after(min(self._timeout, CONNECT_SECONDS)):
                await producer.start()
        except BaseException:
            await _close(producer)
            raise
        return producer

    async def _throw_away(self, opened: _Open) -> None:
        if self._open is opened:
            self._open = None
            await _close(opened.producer)
            for scope in opened.waiting:
                scope.cancel()


async def _close(producer: Any) -> None:
    """Close `producer` without waiting for batches that may never be accepted.

    The library's own `stop` waits until the broker has taken every batch.
    """
    producer._closed = True  # noqa: SLF001 - or it complains when it is collected
    with anyio.CancelScope(shield=True):
        await _end_sending(producer._sender.sender_task)  # noqa: SLF001
        with anyio.move_on_after(STOP_SECONDS):
            await producer.client.close()


async def _end_sending(task: asyncio.Task[None] | None) -> None:
    """End the library's own task: `wait` takes on neither its errors nor its cancellation."""
    if task is not None:
        task.cancel()
        _, unfinished = await asyncio.wait([task], timeout=STOP_SECONDS)
        if unfinished:
            # The first time, it waits for what it has sent.
            task.cancel()
            await asyncio.wait([task], timeout=STOP_SECONDS)
