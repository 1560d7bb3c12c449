from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import anyio
import pytest

from tests.service.outbox.ledger import START, ManualClock, webhook
from tests.support.receiver import Answer, Receiver, open_receiver
from triphammer.config.secrets import Secrets
from triphammer.service.outbox.outcome import Dead, Delivered, Outcome, Retry
from triphammer.service.outbox.webhooks import WebhookSender

pytestmark = pytest.mark.anyio

KEY = b"0123456789abcdef01234567"
WHSEC = "whsec_" + base64.b64encode(KEY).decode()


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    async with open_receiver() as opened:
        yield opened


async def deliver(
    target: str, *, timeout: float = 5.0, secrets: Mapping[str, str] | None = None, **more: Any
) -> Outcome:
    sender = WebhookSender(
        secrets=Secrets(values=dict(secrets or {})),
        clock=ManualClock(),
        timeout=timeout,
        connections=10,
    )
    async with sender:
        return await sender.deliver(webhook("msg_1", target, **more))


async def test_a_message_arrives_as_it_was_committed(receiver: Receiver) -> None:
    body = json.dumps({"rows": 3}).encode()
    outcome = await deliver(
        receiver.url + "/hook?x=1", body=body, headers={"X-Team": "blue"}, key="k"
    )
    assert outcome == Delivered()
    (delivery,) = receiver.deliveries
    assert (delivery.method, delivery.path, delivery.body) == ("POST", "/hook?x=1", body)
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.headers["x-team"] == "blue"
    assert delivery.headers["webhook-id"] == "msg_1"
    assert delivery.headers["webhook-timestamp"] == str(START // 1_000_000)
    assert delivery.headers["user-agent"].startswith("triphammer/")
    assert "webhook-signature" not in delivery.headers


@pytest.mark.parametrize(("value", "key"), [(WHSEC, KEY), ("plain secret!", b"plain secret!")])
async def test_the_signature_is_valid(receiver: Receiver, value: str, key: bytes) -> None:
    await deliver(receiver.url, body=b'{"a":1}', secret="S", secrets={"S": value})
    assert receiver.deliveries[0].signed_with(key)
    assert not receiver.deliveries[0].signed_with(b"another")


async def test_users_headers_do_not_replace_id_and_signature(receiver: Receiver) -> None:
    forged = {"webhook-id": "x", "webhook-signature": "v1,x", "content-type": "text/plain"}
    await deliver(receiver.url, headers=forged, secret="S", secrets={"S": WHSEC})
    assert receiver.deliveries[0].id == "msg_1"
    assert receiver.deliveries[0].signed_with(KEY)
    assert receiver.deliveries[0].headers["content-type"] == "text/plain"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_every_2xx_accepts(receiver: Receiver, status: int) -> None:
    receiver.answers.append(Answer(status))
    assert await deliver(receiver.url) == Delivered()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 401, 404, 500, 503])
async def test_everything_else_is_tried_again(receiver: Receiver, status: int) -> None:
    receiver.answers.append(Answer(status, {"location": receiver.url + "/elsewhere"}))
    outcome = await deliver(receiver.url)
    assert outcome == Retry(f"127.0.0.1 answered {status}")
    assert len(receiver.deliveries) == 1, "a redirect must not be followed"


async def test_gone_is_final(receiver: Receiver) -> None:
    receiver.answers.append(Answer(410))
    assert await deliver(receiver.url) == Dead("127.0.0.1 answered 410", gone=True)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refusal_is_about_the_message(receiver: Receiver, status: int) -> None:
    receiver.answers.append(Answer(status))
    assert await deliver(receiver.url) == Retry(f"127.0.0.1 answered {status}", refused=True)


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7.0), ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0), ("soon", None)]
)
async def test_retry_after_is_read(receiver: Receiver, value: str, seconds: float | None) -> None:
    receiver.answers.append(Answer(429, {"Retry-After": value}))
    outcome = await deliver(receiver.url)
    assert isinstance(outcome, Retry)
    assert outcome.after == seconds


async def test_the_answer_is_quoted_in_part(receiver: Receiver) -> None:
    receiver.answers.append(Answer(400, body=b"no such\n channel " + b"x" * 100_000))
    outcome = await deliver(receiver.url)
    assert isinstance(outcome, Retry)
    assert outcome.reason.startswith("127.0.0.1 answered 400: no such channel xxx")
    assert len(outcome.reason) < 300


async def test_a_target_that_does_not_answer(receiver: Receiver) -> None:
    receiver.answers.append(Answer(hold=anyio.Event()))
    outcome = await deliver(receiver.url, timeout=0.2)
    assert outcome == Retry("no answer from 127.0.0.1 within 0.2 s")


async def test_a_target_that_is_not_there() -> None:
    async with open_receiver() as gone:
        url = gone.url
    outcome = await deliver(url)
    assert isinstance(outcome, Retry)
    assert outcome.reason.startswith("127.0.0.1: ")


async def test_a_secret_target_is_resolved_and_never_shown(receiver: Receiver) -> None:
    receiver.answers.append(Answer(500, body=b"no route /T0/hidden-token"))
    url = receiver.url + "/T0/hidden-token"
    outcome = await deliver("secret:URL", secrets={"URL": url, "T": "hidden-token"})
    assert receiver.deliveries[0].path == "/T0/hidden-token"
    assert isinstance(outcome, Retry)
    assert "hidden-token" not in outcome.reason


async def test_a_headers_value_may_be_a_secret(receiver: Receiver) -> None:
    headers = {"authorization": "secret:TOKEN", "x-plain": "TOKEN"}
    await deliver(receiver.url, headers=headers, secrets={"TOKEN": "Bearer abc"})
    assert receiver.deliveries[0].headers["authorization"] == "Bearer abc"
    assert receiver.deliveries[0].headers["x-plain"] == "TOKEN"


async def test_missing_secrets_are_waited_for() -> None:
    outcome = await deliver("secret:URL")
    assert isinstance(outcome, Retry)
    assert "TRIPHAMMER_SECRETS__URL" in outcome.reason
    outcome = await deliver("http://127.0.0.1:9", secret="SIGN")
    assert isinstance(outcome, Retry)
    assert "TRIPHAMMER_SECRETS__SIGN" in outcome.reason


async def test_a_secret_that_is_no_key_is_named() -> None:
    outcome = await deliver("http://127.0.0.1:9", secret="S", secrets={"S": "whsec_%%"})
    assert isinstance(outcome, Retry)
    assert outcome.reason == "secret S: the part behind whsec_ is not base64 (RFC 4648)"


@pytest.mark.parametrize("target", ["hooks.test/x", "ftp://x.test/", "http://", "http://[::1"])
async def test_what_is_no_url_is_dead_unless_it_is_a_secret(target: str) -> None:
    assert isinstance(await deliver(target), Dead)
    outcome = await deliver("secret:URL", secrets={"URL": target})
    assert isinstance(outcome, Retry)
    assert outcome.reason.startswith("secret:URL is no URL")


async def test_a_header_that_cannot_be_sent_is_dead() -> None:
    assert isinstance(await deliver("http://127.0.0.1:9", headers={"x": "日本"}), Dead)
