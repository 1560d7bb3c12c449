"""Signs deliveries as the providers do, for tests of flows that listen to signed webhooks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping

from triphammer.sensors.webhook.signing import sign_standard
from triphammer.sensors.webhook.verify import Scheme, Verify

Headers = Mapping[str, str]
Sign = Callable[[Verify, bytes, str, str, int], Headers]


def signature(verify: Verify, body: bytes, *, id: str, secret: str, seconds: int) -> Headers:
    """The headers of a delivery that `verify` accepts, sent at `seconds` (Unix time)."""
    return _SIGN[verify.scheme](verify, body, id, secret, seconds)


def _standard(_: Verify, body: bytes, id: str, secret: str, seconds: int) -> Headers:
    return {
        "webhook-id": id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": sign_standard(id, seconds, body, secret),
    }


def _github(_: Verify, body: bytes, id: str, secret: str, seconds: int) -> Headers:
    return {"x-github-delivery": id, "x-hub-signature-256": f"sha256={_hex(secret, body)}"}


def _stripe(_: Verify, body: bytes, id: str, secret: str, seconds: int) -> Headers:
    signed = f"{seconds}.".encode() + body
    return {"stripe-signature": f"t={seconds},v1={_hex(secret, signed)}"}


def _slack(_: Verify, body: bytes, id: str, secret: str, seconds: int) -> Headers:
    signed = f"v0:{seconds}:".encode() + body
    return {
        "x-slack-request-timestamp": str(seconds),
        "x-slack-signature": f"v0={_hex(secret, signed)}",
    }


def _shared(verify: Verify, body: bytes, id: str, secret: str, seconds: int) -> Headers:
    if verify.header is not None:
        return {"idempotency-key": id, verify.header: secret}
    return {"idempotency-key": id, "authorization": f"Bearer {secret}"}


def _hex(secret: str, signed: bytes) -> str:
    return hmac.digest(secret.encode(), signed, hashlib.sha256).hex()


_SIGN: Mapping[Scheme, Sign] = {
    "standard": _standard,
    "github": _github,
    "stripe": _stripe,
    "slack": _slack,
    "shared": _shared,
}
