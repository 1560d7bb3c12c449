from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sensors.deliveries import (
    OTHER,
    WHSEC,
    by_github,
    by_shared,
    by_slack,
    by_standard,
    by_stripe,
)
from tests.sensors.harness import make_secrets
from triphammer.sensors.errors import Rejected, SensorError
from triphammer.sensors.headers import Headers
from triphammer.sensors.webhook import (
    HookRequest,
    Verify,
    github,
    shared,
    slack,
    standard,
    stripe,
)
from triphammer.sensors.webhook.schemes import TOLERANCE, judge, keys_of
from triphammer.sensors.webhook.signing import sign_standard, standard_key

NOW = 1_767_225_600
BODY = b'{"a":  1}'
Sign = Callable[[bytes, int, str], Mapping[str, str]]

ALL = pytest.mark.parametrize(
    ("verify", "sign"),
    [
        (standard("A", "B"), by_standard),
        (github("A", "B"), by_github),
        (stripe("A", "B"), by_stripe),
        (slack("A", "B"), by_slack),
        (shared("A", "B"), by_shared),
    ],
    ids=lambda value: value.scheme if isinstance(value, Verify) else "",
)
TIMED = pytest.mark.parametrize(
    ("verify", "sign"),
    [(standard("A"), by_standard), (stripe("A"), by_stripe), (slack("A"), by_slack)],
    ids=lambda value: value.scheme if isinstance(value, Verify) else "",
)


def check(verify: Verify, headers: Mapping[str, str], body: bytes = BODY, now: int = NOW) -> None:
    request = HookRequest(
        path="p", headers=Headers(headers), body=body, received_at=now * 1_000_000
    )
    judge(request, keys_of(verify, make_secrets({"A": WHSEC, "B": OTHER})), verify)


def refused(verify: Verify, headers: Mapping[str, str], body: bytes = BODY, now: int = NOW) -> str:
    with pytest.raises(Rejected) as caught:
        check(verify, headers, body, now)
    assert caught.value.status == 401
    return str(caught.value)


@ALL
def test_each_of_two_secrets_is_good(verify: Verify, sign: Sign) -> None:
    check(verify, sign(BODY, NOW, WHSEC))
    check(verify, sign(BODY, NOW, OTHER))


@ALL
def test_a_wrong_or_missing_signature_is_refused(verify: Verify, sign: Sign) -> None:
    wrong = "whsec_" + b64encode(b"nobody's key").decode()
    assert "does not fit" in refused(verify, sign(BODY, NOW, wrong))
    assert "missing" in refused(verify, {})


@ALL
def test_every_byte_of_the_body_counts(verify: Verify, sign: Sign) -> None:
    if verify.scheme != "shared":
        refused(verify, sign(BODY, NOW, WHSEC), BODY.replace(b"  ", b" "))


@TIMED
def test_a_signature_holds_for_five_minutes(verify: Verify, sign: Sign) -> None:
    for time in (NOW - TOLERANCE, NOW + TOLERANCE):
        check(verify, sign(BODY, time, WHSEC))
    for time in (NOW - TOLERANCE - 1, NOW + TOLERANCE + 1):
        assert "301 s away" in refused(verify, sign(BODY, time, WHSEC))


@TIMED
def test_the_time_is_signed_too(verify: Verify, sign: Sign) -> None:
    headers = {
        name: value.replace(str(NOW - 400), str(NOW))
        for name, value in sign(BODY, NOW - 400, WHSEC).items()
    }
    assert "does not fit" in refused(verify, headers)


@pytest.mark.parametrize("time", ["", "soon", "-1", "1.5", "9" * 13, "²"])
def test_a_timestamp_that_is_none_is_refused(time: str) -> None:
    headers = dict(by_standard(BODY, NOW, WHSEC)) | {"webhook-timestamp": time}
    refused(standard("A"), headers)
    refused(stripe("A"), {"stripe-signature": f"t={time},v1=x"})


def test_the_examples_of_the_providers() -> None:
    # Standard Webhooks specification, "Signature scheme", and GitHub Docs, "Testing".
    key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    assert (
        sign_standard("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, key)
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )
    secrets = make_secrets({"G": "It's a Secret to Everybody"})
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    request = HookRequest(
        path="p",
        headers=Headers({"X-Hub-Signature-256": signature}),
        body=b"Hello, World!",
        received_at=0,
    )
    judge(request, keys_of(github("G"), secrets), github("G"))


def test_a_shared_secret_may_have_a_header_of_its_own() -> None:
    verify = shared("A", header="X-Gitlab-Token")
    check(verify, {"x-gitlab-token": WHSEC})
    check(shared("A"), {"x-webhook-secret": WHSEC})
    assert "x-gitlab-token" in refused(verify, {"authorization": f"Bearer {WHSEC}"})
    refused(verify, {"x-gitlab-token": "é"})


def test_a_secret_is_base64_behind_its_prefix_and_else_what_it_is() -> None:
    assert standard_key("whsec_YWJj") == b"abc"
    assert standard_key("YWJj") == b"abc"
    assert standard_key("no base64!") == b"no base64!"
    with pytest.raises(SensorError, match="not base64"):
        standard_key("whsec_no base64!")
    with pytest.raises(SensorError, match="empty"):
        standard_key("whsec_")


def test_a_secret_may_be_any_bytes() -> None:
    """A variable with bytes that are no UTF-8 comes as lone surrogates."""
    assert standard_key("\udcff") == b"\xff"
    for secret, sent in (("caf\u00e9", "caf\u00e9".encode()), ("a\udcff", b"a\xff")):
        keys = keys_of(shared("A"), make_secrets({"A": secret}))
        headers = Headers.of_asgi([(b"x-webhook-secret", sent)])
        request = HookRequest(path="p", headers=headers, body=b"", received_at=0)
        judge(request, keys, shared("A"))


@pytest.mark.parametrize(("value", "why"), [("", "is empty"), ("whsec_!", "not base64")])
def test_an_unusable_secret_is_named_and_not_shown(value: str, why: str) -> None:
    with pytest.raises(SensorError, match=why) as caught:
        keys_of(standard("A"), make_secrets({"A": value}))
    assert "'A'" in str(caught.value)
    assert "whsec_!" not in str(caught.value)
    with pytest.raises(SensorError, match="GONE"):
        keys_of(github("GONE"), make_secrets({}))


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "webhook-id",
                "webhook-timestamp",
                "webhook-signature",
                "stripe-signature",
                "x-slack-signature",
                "x-slack-request-timestamp",
                "x-hub-signature-256",
                "authorization",
            ]
        ),
        st.text(max_size=20) | st.just(str(NOW)) | st.just(f"t={NOW},v1="),
    ),
    st.binary(max_size=9),
)
def test_no_delivery_gets_through_by_chance(headers: dict[str, str], body: bytes) -> None:
    for verify in (standard("A"), github("A"), stripe("A"), slack("A"), shared("A")):
        refused(verify, headers, body)
