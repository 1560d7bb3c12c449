from __future__ import annotations

from typing import Any

import pytest

from triphammer.sensors.headers import Headers
from triphammer.service.access.proxies import Peer, Proxies

TRUSTED = Proxies(["10.0.0.0/8", "::1"])


def peer(proxies: Proxies, address: str, *headers: tuple[str, str], scheme: str = "http") -> Peer:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope: dict[str, Any] = {"client": (address, 1), "scheme": scheme, "headers": raw}
    return proxies.peer(scope, Headers.of_asgi(raw))


@pytest.mark.parametrize(
    ("hops", "client"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.1.1.1"], "203.0.113.9"),
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["[2001:db8::1]:80"], "2001:db8::1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["10.9.9.9"], "10.9.9.9"),
        (["203.0.113.9, nonsense, 10.1.1.1"], "10.1.1.1"),
        ([""], "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_that_no_trusted_proxy_made(hops: list[str], client: str) -> None:
    headers = [("x-forwarded-for", value) for value in hops]
    assert peer(TRUSTED, "10.0.0.1", *headers).address == client


def test_a_trusted_proxy_tells_scheme_and_host() -> None:
    told = [("x-forwarded-proto", "https"), ("x-forwarded-host", "a.example"), ("host", "b")]
    seen = peer(TRUSTED, "::ffff:10.0.0.1", *told)
    assert (seen.secure, seen.host, seen.forwarded) == (True, "a.example", False)
    assert not peer(TRUSTED, "::1", ("x-forwarded-proto", "https, http"), scheme="https").secure
    assert peer(TRUSTED, "::1", ("host", "b"), scheme="https") == Peer(
        address="::1", secure=True, host="b"
    )


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host"])
def test_nobody_else_is_believed(name: str) -> None:
    for proxies in (TRUSTED, Proxies([])):
        seen = peer(proxies, "203.0.113.9", (name, "1.1.1.1"), ("x-forwarded-proto", "https"))
        assert seen == Peer(address="203.0.113.9", secure=False, host=None, forwarded=True)
    assert peer(TRUSTED, "", ("host", "h")) == Peer(address="", secure=False, host="h")
