"""Webhooks out: one POST an attempt, signed and named by the Standard Webhooks rules.

Source of the headers and of what the answers mean: the Standard Webhooks specification,
"Webhook metadata", "Signature scheme" and "Deliverability and reliability".
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib.metadata import version
from types import TracebackType
from typing import Self

import anyio
import httpx

from triphammer.config.clock import Clock
from triphammer.config.errors import MissingSecretError
from triphammer.config.secrets import Secrets
from triphammer.flows.journal import OutMessage
from triphammer.flows.outgoing import SECRET_TARGET
from triphammer.sensors.errors import SensorError
from triphammer.sensors.webhook.signing import sign_standard
from triphammer.service.outbox.addresses import NotPublic
from triphammer.service.outbox.outcome import Dead, Delivered, Outcome, Retry
from triphammer.service.outbox.retry_after import retry_after

Find = Callable[[str, int], Awaitable[str]]

GONE = 410
REFUSALS = frozenset({400, 409, 411, 413, 415, 422, 431})
"""Answers about the one message; all others that are no success are about the target."""
EXCERPT_BYTES = 200


class WebhookSender:
    """Delivers webhooks over one pool of connections; use it as a context manager.

    `find` turns host and port into the address to connect to, or raises `NotPublic`; without
    it every address will do. `transport` stands in for the network.
    """

    def __init__(
        self,
        *,
        secrets: Secrets,
        clock: Clock,
        timeout: float,
        connections: int,
        find: Find | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._timeout = timeout
        self._find = find
        # The library's log line for each request shows the URL, which may be a secret.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._client = httpx.AsyncClient(
            timeout=timeout,
            transport=transport,
            # A redirect is a failure: the target must be corrected, and a signed message
            # must not go to whom it was not addressed.
            follow_redirects=False,
            # Connections are kept by the address they lead to: two hosts at one address
            # would share one, which only the first of them was asked for its certificate on.
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=None if find is None else 0,
            ),
            headers={
                "user-agent": f"triphammer/{version('triphammer')}",
                # Only the beginning of an answer is ever read: it must not be packed.
                "accept-encoding": "identity",
            },
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def deliver(self, message: OutMessage) -> Outcome:
        """One attempt. Reasons are masked; the body of an answer is quoted in part."""
        try:
            url = self._revealed(message.target)
            request = self._request(message, url)
        except MissingSecretError as error:
            return Retry(str(error))
        except SensorError as error:
            return Retry(f"secret {message.secret}: {error}")
        except UnicodeEncodeError:
            return Dead("a header holds a character that HTTP headers cannot carry")
        except httpx.InvalidURL as error:
            return self._misfit(message, str(error))
        if request.url.scheme not in ("http", "https") or not request.url.host:
            return self._misfit(message, "it must begin with http:// or https://")
        outcome = await self._send(request)
        if isinstance(outcome, Delivered):
            return outcome
        return _masked(outcome, self._secrets, url)

    def _revealed(self, text: str) -> str:
        """The stored text, or the value of the secret that it refers to."""
        if text.startswith(SECRET_TARGET):
            return self._secrets.value(text.removeprefix(SECRET_TARGET))
        return text

    def _request(self, message: OutMessage, url: str) -> httpx.Request:
        body = message.body or b""
        timestamp = self._clock.now() // 1_000_000
        headers = {
            "content-type": message.content_type,
            **{name: self._revealed(text) for name, text in message.headers.items()},
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp),
        }
        if message.secret is not None:
            secret = self._secrets.value(message.secret)
            headers["webhook-signature"] = sign_standard(message.id, timestamp, body, secret)
        return self._client.build_request("POST", url.strip(), content=body, headers=headers)

    def _misfit(self, message: OutMessage, reason: str) -> Outcome:
        """A literal URL stays wrong; a secret may be corrected before the next attempt."""
        if message.target.startswith(SECRET_TARGET):
            return Retry(f"{message.target} is no URL: {self._secrets.mask(reason)}")
        return Dead(f"{message.target!r} is no URL: {reason}")

    async def _send(self, request: httpx.Request) -> Outcome:
        try:
            # httpx limits each step; a target that drips its answer must not hold a place.
            with anyio.fail_after(self._timeout):
                await self._pin(request)
                response = await self._client.send(request, stream=True)
                try:
                    return await self._answered(response)
                finally:
                    await response.aclose()
        except NotPublic as reason:
            return Retry(str(reason))
        except (httpx.TimeoutException, TimeoutError):
            return Retry(f"no answer from {request.url.host} within {self._timeout:g} s")
        except (httpx.HTTPError, OSError) as error:
            return Retry(f"{request.url.host}: {str(error) or type(error).__name__}")

    async def _pin(self, request: httpx.Request) -> None:
        """Send `request` to the address that was looked at; its `Host` and TLS name stay."""
        if self._find is None:
            return
        url = request.url
        port = url.port or (443 if url.scheme == "https" else 80)
        address = await self._find(url.host, port)
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        request.url = url.copy_with(host=address)

    async def _answered(self, response: httpx.Response) -> Outcome:
        if response.is_success:
            return Delivered()
        reason = f"{response.request.url.host} answered {response.status_code}"
        excerpt = await _excerpt(response)
        reason = f"{reason}: {excerpt}" if excerpt else reason
        if response.status_code == GONE:
            return Dead(reason, gone=True)
        after = retry_after(response.headers.get("retry-after"), self._clock.now())
        return Retry(reason, after, refused=response.status_code in REFUSALS)


async def _excerpt(response: httpx.Response) -> str:
    content = b""
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) >= EXCERPT_BYTES:
            break
    text = content[:EXCERPT_BYTES].decode("utf-8", "replace")
    return " ".join(text.split())


def _masked(outcome: Retry | Dead, secrets: Secrets, url: str) -> Outcome:
    reason = secrets.mask(outcome.reason.replace(url, "the target"))
    if isinstance(outcome, Dead):
        return Dead(reason, outcome.gone)
    return replace(outcome, reason=reason)
