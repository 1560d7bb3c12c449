from __future__ import annotations

import pytest

from triphammer.service.access.loopback import host_name, is_loopback, is_rebindable


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "fe80::1%eth0", "::ffff:10.0.0.1", "", "x"],
)
def test_not_loopback(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:8420", "localhost"),
        ("LOCALHOST.", "localhost"),
        ("[::1]:8420", "::1"),
        ("[::1]", "::1"),
        ("a.example:80", "a.example"),
        ("", ""),
    ],
)
def test_the_name_of_a_host(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize("host", ["evil.example:1", "127.0.0.1.evil.example", "localhost.evil.io"])
def test_names_that_somebody_can_register(host: str) -> None:
    assert is_rebindable(host)


@pytest.mark.parametrize(
    "host",
    ["localhost:1", "app.localhost", "127.0.0.1:8420", "[::1]:1", "10.0.0.7", "builder", "b.local"],
)
def test_names_that_nobody_can_let_point_here(host: str) -> None:
    assert not is_rebindable(host)
