"""Delivers one message, whatever its kind: the part that a local run uses by itself."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from triphammer.config.clock import Clock
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.flows.journal import OutMessage
from triphammer.service.outbox.addresses import public_address
from triphammer.service.outbox.kafka import KafkaSender
from triphammer.service.outbox.outcome import Dead, Outcome
from triphammer.service.outbox.webhooks import SECRET_TARGET, WebhookSender

POOL = 500
"""Open HTTP connections in all; each target has a limit of its own below this."""


@dataclass(frozen=True, slots=True)
class Courier:
    """One attempt at a time for each message; the caller decides what a failure means."""

    webhooks: WebhookSender
    kafka: KafkaSender

    async def deliver(self, message: OutMessage) -> Outcome:
        """Attempt to deliver `message` once. Never raises for what a target does."""
        if message.kind == "webhook":
            return await self.webhooks.deliver(message)
        if message.kind == "kafka":
            return await self.kafka.deliver(message)
        return Dead(f"a message of kind {message.kind!r} cannot be delivered")


@asynccontextmanager
async def open_courier(
    *, settings: Settings, secrets: Secrets, clock: Clock, log: logging.Logger
) -> AsyncGenerator[Courier]:
    """A courier whose connections are open as long as the context."""
    timeout = settings.outbox.timeout.total_seconds()
    find = None if settings.outbox.allow_private else public_address
    webhooks = WebhookSender(
        secrets=secrets, clock=clock, timeout=timeout, connections=POOL, find=find
    )
    kafka = KafkaSender(settings=settings, secrets=secrets, timeout=timeout, log=log)
    async with webhooks, kafka:
        yield Courier(webhooks, kafka)


async def deliver_now(
    courier: Courier, messages: Sequence[OutMessage]
) -> Sequence[tuple[OutMessage, Outcome]]:
    """Deliver `messages` one after the other, one attempt each, and tell what became of them."""
    return [(message, await courier.deliver(message)) for message in messages]


def lane_name(message: OutMessage) -> str:
    """What a message's target shares its fate with: a host, a secret's URL, a broker.

    Safe to show: of a URL only scheme, host and port.
    """
    if message.kind == "kafka":
        return f"kafka {message.connection}"
    if message.target.startswith(SECRET_TARGET):
        return message.target
    try:
        url = httpx.URL(message.target)
    except httpx.InvalidURL:
        return "webhook"
    return f"{url.scheme}://{url.host}" + (f":{url.port}" if url.port else "")
