"""Signatures of Standard Webhooks, made for the outbox and compared for deliveries.

Source: the Standard Webhooks specification, sections "Signature scheme" and "Secret
serialization".
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode

from triphammer.sensors.errors import SensorError

PREFIX = "whsec_"


def standard_key(secret: str) -> bytes:
    """The key that a secret's text stands for: base64 behind `whsec_`.

    The reference libraries also take base64 without the prefix; a text that is no base64 is
    its own key. Raises SensorError for an empty secret and for `whsec_` without base64.
    """
    text = secret.removeprefix(PREFIX)
    try:
        key = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        if secret.startswith(PREFIX):
            raise SensorError("the part behind whsec_ is not base64 (RFC 4648)") from error
        return bytes_of(secret)
    if not key:
        raise SensorError("the secret is empty")
    return key


def bytes_of(secret: str) -> bytes:
    """The bytes of a secret's text; a variable may hold some that are no UTF-8."""
    return secret.encode("utf-8", "surrogateescape")


def sign_standard(id: str, timestamp: int, body: bytes, secret: str) -> str:
    """The `webhook-signature` of a message sent at `timestamp` (Unix seconds)."""
    return "v1," + standard_digest(id, str(timestamp), body, standard_key(secret))


def standard_digest(id: str, timestamp: str, body: bytes, key: bytes) -> str:
    """HMAC-SHA256 over `id.timestamp.body`, as base64 text."""
    signed = f"{id}.{timestamp}.".encode() + body
    return b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
