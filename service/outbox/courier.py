"""Delivers one message, whatever its kind: the part that a local run uses by itself."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from triphammer.config.clock import Clock
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.flows.journal import OutMessage
from triphammer.flows.outgoing import SECRET_TARGET
from triphammer.service.outbox.addresses import public_address
from triphammer.service.outbox.outcome import Dead, Outcome

if TYPE_CHECKING:
    from triphammer.service.outbox.kafka import KafkaSender
    from triphammer.service.outbox.mail import MailSender
    from triphammer.service.outbox.webhooks import WebhookSender

POOL = 500
"""Open HTTP connections in all; each target has a limit of its own below this."""


class Deliverer(Protocol):
    """What delivers one message, once."""

    async def deliver(self, message: OutMessage) -> Outcome:
        """Attempt to deliver `message`. Never raises for what a target does."""
        ...


class Courier:
    """One attempt at a time for each message; the caller decides what a failure means.

    The libraries behind each kind are loaded with its first message, in a worker thread: a
    daemon that sends nothing starts sooner and is smaller without them.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        secrets: Secrets,
        clock: Clock,
        log: logging.Logger,
        open_until: AsyncExitStack,
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._clock = clock
        self._log = log
        self._open_until = open_until
        self._loading = anyio.Lock()
        self._webhooks: WebhookSender | None = None
        self._kafka: KafkaSender | None = None
        self._mail: MailSender | None = None

    async def deliver(self, message: OutMessage) -> Outcome:
        """Attempt to deliver `message` once. Never raises for what a target does."""
        if message.kind == "webhook":
            return await (await self._webhook_sender()).deliver(message)
        if message.kind == "kafka":
            return await (await self._kafka_sender()).deliver(message)
        if message.kind == "email":
            return await (await self._mail_sender()).deliver(message)
        return Dead(f"a message of kind {message.kind!r} cannot be delivered")

    async def _webhook_sender(self) -> WebhookSender:
        async with self._loading:
            if self._webhooks is None:
                sender = await anyio.to_thread.run_sync(self._load_webhooks)
                self._webhooks = await self._open_until.enter_async_context(sender)
            return self._webhooks

    async def _kafka_sender(self) -> KafkaSender:
        async with self._loading:
            if self._kafka is None:
                sender = await anyio.to_thread.run_sync(self._load_kafka)
                self._kafka = await self._open_until.enter_async_context(sender)
            return self._kafka

    async def _mail_sender(self) -> MailSender:
        async with self._loading:
            if self._mail is None:
                self._mail = await anyio.to_thread.run_sync(self._load_mail)
            return self._mail

    def _load_webhooks(self) -> WebhookSender:
        from triphammer.service.outbox.webhooks import WebhookSender

        return WebhookSender(
            secrets=self._secrets,
            clock=self._clock,
            timeout=self._settings.outbox.timeout.total_seconds(),
            connections=POOL,
            find=None if self._settings.outbox.allow_private else public_address,
        )

    def _load_mail(self) -> MailSender:
        from triphammer.service.outbox.mail import MailSender

        timeout = self._settings.outbox.timeout.total_seconds()
        return MailSender(secrets=self._secrets, clock=self._clock, timeout=timeout)

    def _load_kafka(self) -> KafkaSender:
        from triphammer.service.outbox.kafka import KafkaSender

        return KafkaSender(
            settings=self._settings,
            secrets=self._secrets,
            timeout=self._settings.outbox.timeout.total_seconds(),
            log=self._log,
        )


@asynccontextmanager
async def open_courier(
    *, settings: Settings, secrets: Secrets, clock: Clock, log: logging.Logger
) -> AsyncGenerator[Courier]:
    """A courier whose connections are open as long as the context."""
    async with AsyncExitStack() as stack:
        yield Courier(settings=settings, secrets=secrets, clock=clock, log=log, open_until=stack)


async def deliver_now(
    courier: Courier, messages: Sequence[OutMessage]
) -> Sequence[tuple[OutMessage, Outcome]]:
    """Deliver `messages` one after the other, one attempt each, and tell what became of them."""
    return [(message, await courier.deliver(message)) for message in messages]


def lane_name(message: OutMessage) -> str:
    """What a message's target shares its fate with: a host, a secret's URL, a broker, a mail
    server.

    Safe to show: of a URL only scheme, host and port.
    """
    return connection_of(message) or host_of(message.target)


def connection_of(message: OutMessage) -> str | None:
    """The connection that a message goes by; None for a webhook."""
    return None if message.kind == "webhook" else f"{message.kind} {message.connection}"


def host_of(target: str) -> str:
    """Scheme, host and port of a webhook's target, or the secret's name."""
    if target.startswith(SECRET_TARGET):
        return target
    try:
        url = urlsplit(target)
        port = f":{url.port}" if url.port else ""
    except ValueError:
        return "webhook"
    return f"{url.scheme}://{url.hostname}{port}" if url.hostname else "webhook"
