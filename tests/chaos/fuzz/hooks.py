"""Signature schemes and what else judges a webhook's delivery; secrets and sources of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.chaos.fuzz.kept import NOW, keep
from tests.chaos.fuzz.target import Target
from tests.chaos.fuzz.wire import message, wire
from tests.sensors.deliveries import (
    WHSEC,
    by_github,
    by_shared,
    by_slack,
    by_standard,
    by_stripe,
)
from tests.sensors.harness import Recorder, make_context, make_secrets, spec_of
from triphammer.sensors.contract import Accepted, Emission
from triphammer.sensors.errors import Rejected, SensorError, SourceError
from triphammer.sensors.headers import Headers
from triphammer.sensors.webhook import (
    HookRequest,
    Verify,
    github,
    shared,
    slack,
    standard,
    stripe,
    webhook,
)
from triphammer.sensors.webhook.schemes import Keys, keys_of
from triphammer.sensors.webhook.sensor import WebhookSensor

BODY = b'{"type": "url_verification", "id": "evt_1", "event_id": "Ev1", "challenge": "x"}'
SECONDS = NOW // 1_000_000
SIGNERS = {
    "standard": (standard, by_standard),
    "github": (github, by_github),
    "stripe": (stripe, by_stripe),
    "slack": (slack, by_slack),
    "shared": (shared, by_shared),
}
WORDS = (
    b"webhook-id: ", b"webhook-timestamp: ", b"webhook-signature: v1,", b"v1,", b" ",
    b"x-hub-signature-256: sha256=", b"stripe-signature: ", b"t=", b"v1=", b",", b"=",
    b"x-slack-request-timestamp: ", b"x-slack-signature: v0=", b"authorization: Bearer ",
    b"x-webhook-secret: ", b"content-encoding: gzip", b"content-type: text/plain", b"0" * 64,
    b"\n\n", b"\n", str(SECONDS).encode(), b"x-github-delivery: 1", b"idempotency-key: \xff",
)  # fmt: skip


async def _take(emission: Emission, *, wait: bool = True) -> Sequence[Accepted]:
    """The dispatcher's part, without waiting for anything."""
    keep(emission.events)
    return [Accepted(event.key, event.id, event.source, False) for event in emission.events]


def _sensor(verify: Verify | None) -> WebhookSensor:
    source = webhook("p", verify=verify)
    context = make_context(spec_of(source), Recorder(), secrets=make_secrets({"S": WHSEC}))
    return WebhookSensor.build(replace(context, emit=_take))


def _deliver(sensor: WebhookSensor, data: bytes) -> None:
    sent = message(data)
    request = HookRequest(
        path="p",
        headers=Headers.of_asgi(sent.headers),
        body=sent.body,
        received_at=NOW,
        query=sent.get(b"query").decode("latin-1"),
    )
    waits = sensor.receive(request)
    try:
        waits.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


def _hook(name: str, sensor: WebhookSensor, seed: bytes, says: str) -> Target:
    return Target(
        f"hook-{name}", lambda data: _deliver(sensor, data), Rejected, says, (seed,), WORDS
    )


def _signed(name: str) -> Target:
    scheme, sign = SIGNERS[name]
    headers = {n.lower().replace("-", "_"): v for n, v in sign(BODY, SECONDS, WHSEC).items()}
    seed = wire(BODY, **headers, content_type="application/json")
    says = "header|body|JSON|charset|form|field|boundary|compressed"
    return _hook(name, _sensor(scheme("S")), seed, says)


def _keys(data: bytes) -> None:
    """The secret's value is any text; the key made of it must do for a signature."""
    secrets = make_secrets({"S": data.decode("utf-8", "surrogateescape")})
    for name, (scheme, _) in SIGNERS.items():
        keys: Keys = keys_of(scheme("S"), secrets)
        assert all(isinstance(key, bytes) and key for key in keys), name


def _source(data: bytes) -> None:
    first, _, second = data.decode("utf-8", "surrogateescape").partition("\n")
    webhook(first, verify=shared(second, header=first) if second else None)


TARGETS = (
    _hook(
        "open",
        _sensor(None),
        wire(BODY, content_type="application/json", query="a=1&b=%ff", webhook_id="1"),
        "body|JSON|charset|form|field|boundary|compressed",
    ),
    *map(_signed, SIGNERS),
    Target(
        "hook-secrets",
        _keys,
        SensorError,
        "secret",
        (WHSEC.encode(), b"plain text", b"whsec_%%%"),
        (b"whsec_", b"AAAA", b"=", b" ", b"%"),
    ),
    Target(
        "hook-sources",
        _source,
        SourceError,
        "webhook|secret|shared",
        (b"shop/orders", b"github\nHUB_SECRET"),
        (b"/", b"..", b".", b"~", b"a", b"whsec_x", b"\n"),
    ),
)
