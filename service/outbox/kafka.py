"""Kafka messages out: one idempotent producer a connection.

An idempotent producer of the library never gives a batch up, and after a batch that failed
for good its numbering is broken: so each attempt has a time limit, and after any failure the
producer is thrown away. What it may have sent all the same comes again under the same id.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any, Self

import anyio
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from triphammer.config.errors import MissingSecretError, SettingsError
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.flows.journal import OutMessage
from triphammer.sensors.kafka.connection import KafkaConnection, kafka_connection
from triphammer.service.outbox.outcome import Dead, Delivered, Outcome, Retry

ID_HEADER = "triphammer-id"
STOP_SECONDS = 2.0
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
            await line.discard()

    async def deliver(self, message: OutMessage) -> Outcome:
        """One attempt; done when every in-sync replica has the message."""
        try:
            connection = kafka_connection(self._settings, self._secrets, message.connection)
        except (SettingsError, MissingSecretError) as error:
            return Retry(self._secrets.mask(str(error)), unreachable=True)
        if connection.bootstrap is None:
            return Retry(connection.missing, unreachable=True)
        line = self._lines.setdefault(connection.name, _Line(self._timeout))
        try:
            with anyio.fail_after(self._timeout):
                await line.send(connection, message)
        except (KafkaError, OSError, TimeoutError) as error:
            return await self._failed(line, connection, message, error)
        return Delivered()

    async def _failed(
        self, line: _Line, connection: KafkaConnection, message: OutMessage, error: Exception
    ) -> Outcome:
        await line.discard()
        if isinstance(error, MessageSizeTooLargeError | InvalidTopicError):
            return Dead(f"Kafka refuses the message for topic {message.target!r}: {error}")
        if isinstance(error, UnknownTopicOrPartitionError | TopicAuthorizationFailedError):
            return Retry(f"Kafka topic {message.target!r}: {error}")
        text = str(error) or f"no answer within {self._timeout:g} s"
        reason = self._secrets.mask(f"Kafka broker {connection.bootstrap}: {text}")
        return Retry(reason, unreachable=True)


class _Line:
    """The producer of one connection: made when needed, thrown away after a failure."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._opening = anyio.Lock()
        self._producer: Any = None

    async def send(self, connection: KafkaConnection, message: OutMessage) -> None:
        """Publish and wait for the acknowledgement; raises the library's errors."""
        producer = await self._opened(connection)
        headers = [(name, value.encode()) for name, value in message.headers.items()]
        await producer.send_and_wait(
            message.target,
            value=message.body,
            key=None if message.key is None else message.key.encode(),
            headers=[*headers, (ID_HEADER, message.id.encode())],
        )

    async def discard(self) -> None:
        """Close the producer, failing what is still waiting in it."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _close(producer)

    async def _opened(self, connection: KafkaConnection) -> Any:
        async with self._opening:
            if self._producer is None:
                self._producer = await self._open(connection)
            return self._producer

    async def _open(self, connection: KafkaConnection) -> Any:
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
            await producer.start()
        except BaseException:
            await _close(producer)
            raise
        return producer


async def _close(producer: Any) -> None:
    """Stop `producer` without waiting for batches that may never be accepted."""
    # Otherwise `stop` would wait for the broker to take every batch.
    producer._message_accumulator.fail_all(KafkaError("producer closed"))  # noqa: SLF001
    with anyio.CancelScope(shield=True):
        with anyio.move_on_after(STOP_SECONDS):
            await producer.stop()
        with anyio.move_on_after(STOP_SECONDS):
            await producer.client.close()
