"""Signed headers as the providers make them, from their documentation and not from ours."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping

from triphammer.sensors.webhook.signing import sign_standard

WHSEC = "whsec_" + b64encode(b"0123456789abcdef01234567").decode()
OTHER = "whsec_" + b64encode(b"another key of 24 bytes.").decode()


def hexed(key: str, signed: bytes) -> str:
    return hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()


def by_standard(body: bytes, time: int, secret: str, id: str = "msg_1") -> Mapping[str, str]:
    return {
        "webhook-id": id,
        "webhook-timestamp": str(time),
        "webhook-signature": f"v1a,xyz {sign_standard(id, time, body, secret)}",
    }


def by_github(body: bytes, time: int, secret: str) -> Mapping[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hexed(secret, body)}


def by_stripe(body: bytes, time: int, secret: str) -> Mapping[str, str]:
    signature = hexed(secret, f"{time}.".encode() + body)
    return {"Stripe-Signature": f"t={time},v1={'0' * 64},v1={signature},v0=x"}


def by_slack(body: bytes, time: int, secret: str) -> Mapping[str, str]:
    signature = hexed(secret, f"v0:{time}:".encode() + body)
    return {"X-Slack-Request-Timestamp": str(time), "X-Slack-Signature": f"v0={signature}"}


def by_shared(body: bytes, time: int, secret: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {secret}"}
