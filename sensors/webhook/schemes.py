"""The providers' signature schemes, judged over raw bytes in constant time.

Each judge takes the delivery and the keys, any of which may have signed, and raises
`Rejected` 401 that says what does not fit. Where each rule comes from: `verify.py`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from triphammer.config.errors import MissingSecretError
from triphammer.config.secrets import Secrets
from triphammer.sensors.errors import Rejected, SensorError
from triphammer.sensors.webhook.request import HookRequest
from triphammer.sensors.webhook.signing import bytes_of, standard_digest, standard_key
from triphammer.sensors.webhook.verify import Scheme, Verify

TOLERANCE = 5 * 60
"""Seconds that a signed timestamp may be away from now; all four providers advise it."""

SHARED_HEADERS = ("authorization", "x-webhook-secret")
Keys = Sequence[bytes]


class Judge(Protocol):
    """Raises `Rejected` unless one of the keys has signed the delivery."""

    def __call__(self, request: HookRequest, keys: Keys, verify: Verify, /) -> None: ...


def keys_of(verify: Verify, secrets: Secrets) -> Keys:
    """The keys that the verifier's secrets hold. Raises SensorError for any unusable one."""
    return [_key(verify.scheme, name, secrets) for name in verify.secrets]


def judge(request: HookRequest, keys: Keys, verify: Verify) -> None:
    """Raise `Rejected` 401 unless the delivery is signed as `verify` asks."""
    _JUDGES[verify.scheme](request, keys, verify)


def _key(scheme: Scheme, name: str, secrets: Secrets) -> bytes:
    try:
        value = secrets.value(name)
    except MissingSecretError as error:
        raise SensorError(str(error)) from error
    if not value:
        raise SensorError(f"secret {name!r} is empty")
    if scheme != "standard":
        return bytes_of(value)
    try:
        return standard_key(value)
    except SensorError as error:
        raise SensorError(f"secret {name!r}: {error}") from error


def _standard(request: HookRequest, keys: Keys, _: Verify) -> None:
    id, timestamp = _header(request, "webhook-id"), _header(request, "webhook-timestamp")
    _check_time(timestamp, request, "webhook-timestamp")
    given = _header(request, "webhook-signature").split(" ")
    signatures = [text[3:] for text in given if text.startswith("v1,")]
    expected = [standard_digest(id, timestamp, request.body, key) for key in keys]
    _compare(signatures, expected, "webhook-signature")


def _github(request: HookRequest, keys: Keys, _: Verify) -> None:
    given = _header(request, "x-hub-signature-256")
    expected = ["sha256=" + _hex(key, request.body) for key in keys]
    _compare([given], expected, "x-hub-signature-256")


def _stripe(request: HookRequest, keys: Keys, _: Verify) -> None:
    header = "stripe-signature"
    pairs = [item.strip().partition("=") for item in _header(request, header).split(",")]
    timestamp = next((value for name, _, value in pairs if name == "t"), "")
    _check_time(timestamp, request, header)
    signatures = [value for name, _, value in pairs if name == "v1"]
    signed = timestamp.encode() + b"." + request.body
    _compare(signatures, [_hex(key, signed) for key in keys], header)


def _slack(request: HookRequest, keys: Keys, _: Verify) -> None:
    timestamp = _header(request, "x-slack-request-timestamp")
    _check_time(timestamp, request, "x-slack-request-timestamp")
    signed = f"v0:{timestamp}:".encode() + request.body
    given = _header(request, "x-slack-signature")
    _compare([given], ["v0=" + _hex(key, signed) for key in keys], "x-slack-signature")


def _shared(request: HookRequest, keys: Keys, verify: Verify) -> None:
    names = SHARED_HEADERS if verify.header is None else (verify.header,)
    given = [request.headers[name] for name in names if name in request.headers]
    if not given:
        raise Rejected(401, f"the shared secret is missing: send it in header {names[-1]}")
    secrets = [_bearer(value) for value in given]
    # As the bytes that came: HTTP headers are read as Latin-1.
    _compare_bytes([text.encode("latin-1", "replace") for text in secrets], keys, names[-1])


_JUDGES: Mapping[Scheme, Judge] = {
    "standard": _standard,
    "github": _github,
    "stripe": _stripe,
    "slack": _slack,
    "shared": _shared,
}


def _header(request: HookRequest, name: str) -> str:
    value = request.headers.get(name)
    if not value:
        raise Rejected(401, f"header {name} is missing: the delivery is not signed")
    return value


def _check_time(timestamp: str, request: HookRequest, header: str) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Rejected(401, f"header {header} has no timestamp in Unix seconds")
    away = abs(request.received_at // 1_000_000 - int(timestamp))
    if away > TOLERANCE:
        raise Rejected(
            401, f"header {header}: signed {away} s away from now, {TOLERANCE} s are allowed"
        )


def _hex(key: bytes, signed: bytes) -> str:
    return hmac.digest(key, signed, hashlib.sha256).hex()


def _bearer(value: str) -> str:
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else value


def _compare(given: Iterable[str], expected: Iterable[str], header: str) -> None:
    _compare_bytes(
        [text.encode("utf-8", "replace") for text in given],
        [text.encode() for text in expected],
        header,
    )


def _compare_bytes(given: Sequence[bytes], expected: Sequence[bytes], header: str) -> None:
    # All pairs are compared, so that the time does not tell which one fits.
    matches = [hmac.compare_digest(one, other) for one in given for other in expected]
    if not any(matches):
        raise Rejected(401, f"the signature in header {header} does not fit body and secret")
