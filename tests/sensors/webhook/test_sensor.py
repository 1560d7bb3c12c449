from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from tests.sensors.deliveries import (
    WHSEC,
    by_github,
    by_shared,
    by_slack,
    by_standard,
    by_stripe,
)
from tests.sensors.harness import START, Recorder, make_context, make_secrets, spec_of
from triphammer.config.source import Source
from triphammer.sensors.contract import Accepted
from triphammer.sensors.errors import Overloaded, Rejected, SourceError
from triphammer.sensors.headers import Headers
from triphammer.sensors.webhook import (
    Challenge,
    HookRequest,
    github,
    shared,
    slack,
    standard,
    stripe,
    webhook,
)
from triphammer.sensors.webhook.sensor import WebhookSensor

pytestmark = pytest.mark.anyio
NOW = START // 1_000_000
JSON = {"Content-Type": "application/json"}


class Hook:
    """A webhook sensor whose daemon only records."""

    def __init__(self, source: Source, **secrets: str) -> None:
        self.recorder = Recorder()
        self.secrets = dict(secrets)
        self.sensor = WebhookSensor.build(
            make_context(spec_of(source), self.recorder, secrets=make_secrets(self.secrets))
        )

    async def post(self, body: bytes, headers: Any, query: str = "") -> Accepted | Challenge:
        return await self.sensor.receive(
            HookRequest(
                path="p", headers=Headers(headers), body=body, received_at=START, query=query
            )
        )

    async def refused(self, body: bytes, headers: Any) -> Rejected:
        with pytest.raises(Rejected) as caught:
            await self.post(body, headers)
        assert not self.recorder.emissions
        return caught.value


async def test_a_delivery_becomes_an_event() -> None:
    hook = Hook(webhook("p"))
    accepted = await hook.post(b'{"a":  1}', {**JSON, "X-GitHub-Event": "push"}, query="b=2")
    (event,) = hook.recorder.events
    assert accepted == Accepted(event.key, event.id, "triphammer/webhook/p", False, ("run_1",))
    assert (event.type, event.subject) == ("triphammer.webhook.received", "p")
    assert (event.data, event.raw) == ({"a": 1}, b'{"a":  1}')
    assert event.headers["x-github-event"] == "push"
    assert event.extensions["query"] == "b=2"


async def test_headers_with_credentials_are_not_kept() -> None:
    hook = Hook(webhook("p", verify=shared("S", header="X-Token")), S="s3cret")
    headers = {"X-Token": "s3cret", "Authorization": "Basic x", "Cookie": "c", "X-A": "1"}
    await hook.post(b"", headers)
    assert dict(hook.recorder.events[0].headers) == {"x-a": "1"}


@pytest.mark.parametrize(
    ("source", "sign", "more", "id"),
    [
        (webhook("p", verify=standard("S")), by_standard, {}, "msg_1"),
        (webhook("p", verify=github("S")), by_github, {"X-GitHub-Delivery": "d-1"}, "d-1"),
        (webhook("p", verify=stripe("S")), by_stripe, {}, "evt_body"),
        (webhook("p", verify=slack("S")), by_slack, {}, "Ev_body"),
        (webhook("p", verify=shared("S")), by_shared, {"Idempotency-Key": "k"}, "k"),
        (webhook("p"), by_shared, {"webhook-id": "w", "Idempotency-Key": "k"}, "w"),
        (webhook("p"), by_shared, {"X-GitHub-Delivery": "d-2"}, "d-2"),
    ],
)
async def test_the_same_delivery_twice_is_a_duplicate(
    source: Source, sign: Any, more: dict[str, str], id: str
) -> None:
    hook = Hook(source, S=WHSEC)
    body = json.dumps({"id": "evt_body", "event_id": "Ev_body"}).encode()
    headers = {**JSON, **sign(body, NOW, WHSEC), **more}
    first, second = await hook.post(body, headers), await hook.post(body, headers)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert (first.id, first.duplicate, second.duplicate) == (id, False, True)
    assert first.key == second.key


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"id": 7}', b'{"id": ""}'])
async def test_without_an_id_of_the_provider_every_delivery_counts(body: bytes) -> None:
    hook = Hook(webhook("p", verify=stripe("S")), S=WHSEC)
    for _ in range(2):
        await hook.post(body, {**JSON, **by_stripe(body, NOW, WHSEC), "x-request-id": "r"})
    assert len(hook.recorder.events) == 2


async def test_a_bad_signature_or_body_stores_nothing() -> None:
    hook = Hook(webhook("p", verify=github("S")), S=WHSEC)
    assert (await hook.refused(b"{}", JSON)).status == 401
    body = b'{"a":'
    error = await hook.refused(body, {**JSON, **by_github(body, NOW, WHSEC)})
    assert (error.status, "byte 5" in str(error)) == (400, True)
    zipped = {**JSON, **by_github(body, NOW, WHSEC), "content-encoding": "gzip"}
    assert (await hook.refused(body, zipped)).status == 415


async def test_slack_tests_the_address_and_gets_its_challenge() -> None:
    hook = Hook(webhook("p", verify=slack("S")), S=WHSEC)
    body = b'{"type": "url_verification", "challenge": "abc"}'
    assert await hook.post(body, {**JSON, **by_slack(body, NOW, WHSEC)}) == Challenge("abc")
    assert not hook.recorder.emissions


async def test_a_missing_secret_refuses_until_it_is_there() -> None:
    hook = Hook(webhook("p", verify=standard("S")))
    async with anyio.create_task_group() as group:
        await group.start(hook.sensor.run)
        assert "'S'" in str(hook.recorder.reason)
        error = await hook.refused(b"{}", {**JSON, **by_standard(b"{}", NOW, WHSEC)})
        assert (error.status, "cannot verify" in str(error)) == (503, True)
        group.cancel_scope.cancel()


async def test_a_secret_that_comes_later_makes_it_ready() -> None:
    hook = Hook(webhook("p", verify=standard("S")), S=WHSEC)
    await hook.post(b"{}", {**JSON, **by_standard(b"{}", NOW, WHSEC)})
    assert hook.recorder.reason is None


async def test_back_pressure_goes_through() -> None:
    hook = Hook(webhook("p"))
    hook.recorder.failures = [Overloaded("queue full", 3.0)]
    with pytest.raises(Overloaded) as caught:
        await hook.post(b"", {})
    assert caught.value.retry_after == 3.0


def test_flows_on_one_path_must_agree() -> None:
    one, other = spec_of(webhook("p", verify=github("A"))), spec_of(webhook("p"))
    assert WebhookSensor.merge([one, one]) == one
    with pytest.raises(SourceError, match='verify=github\\(secret\\("A"\\)\\) and no verify'):
        WebhookSensor.merge([one, other])
