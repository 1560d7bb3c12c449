"""What stands in a simulation for the world outside: brokers and the targets of webhooks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from triphammer.config.secrets import Secrets
from triphammer.flows.journal import OutMessage
from triphammer.service.outbox.outcome import Dead, Delivered, Outcome, Retry
from triphammer.service.outbox.records import misfit
from triphammer.testing.clock import VirtualClock
from triphammer.testing.receiver import Receiver

if TYPE_CHECKING:
    import httpx

    from triphammer.service.outbox.webhooks import WebhookSender

TIMEOUT = 30.0
"""Seconds that a target may take to answer."""
Arrive = Callable[[OutMessage], Awaitable[None]]


class Outside:
    """Takes every message that is delivered. Webhooks are built and signed as always; only the
    network is a `Receiver`, and one that no test has asked for answers 200.

    `arrive` is told of each Kafka message: flows may listen to its topic.
    """

    def __init__(self, clock: VirtualClock, secrets: Secrets) -> None:
        self._clock = clock
        self._secrets = secrets
        self._receivers: dict[str, Receiver] = {}
        self._sender: WebhookSender | None = None
        self.unreachable: dict[str, int] = {}
        """How many more attempts to deliver to a topic fail."""
        self.arrive: Arrive | None = None

    def receiver(self, url: str) -> Receiver:
        """The target at `url`."""
        return self._receivers.setdefault(url, Receiver(url, self._clock))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._sender is not None:
            sender, self._sender = self._sender, None
            await sender.__aexit__(None, None, None)

    async def deliver(self, message: OutMessage) -> Outcome:
        """One attempt to deliver `message`."""
        if message.kind == "webhook":
            return await (await self._webhooks()).deliver(message)
        if message.kind == "kafka":
            return await self._publish(message)
        if message.kind == "email":
            return Delivered()
        return Dead(f"a message of kind {message.kind!r} cannot be delivered")

    async def _publish(self, message: OutMessage) -> Outcome:
        if (dead := misfit(message)) is not None:
            return dead
        if self.unreachable.get(message.target, 0) > 0:
            self.unreachable[message.target] -= 1
            return Retry("the broker is not there: the test wants it so", unreachable=True)
        if self.arrive is not None:
            await self.arrive(message)
        return Delivered()

    async def _webhooks(self) -> WebhookSender:
        if self._sender is None:
            # Only here: it takes longer to import than most simulations take.
            import httpx

            from triphammer.service.outbox.webhooks import WebhookSender

            self._sender = WebhookSender(
                secrets=self._secrets,
                clock=self._clock,
                timeout=TIMEOUT,
                connections=100,
                transport=httpx.MockTransport(self._answer),
            )
            await self._sender.__aenter__()
        return self._sender

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        import httpx

        answer = await self.receiver(str(request.url)).take(
            dict(request.headers), await request.aread()
        )
        return httpx.Response(answer.status, headers=answer.headers, content=_streamed(answer.body))


async def _streamed(body: bytes) -> AsyncGenerator[bytes]:
    """As a network brings it: what is read as a whole at once cannot be read in part."""
    yield body
