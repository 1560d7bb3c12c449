"""Who sent a request, where a proxy may have passed it on.

Headers that tell of a client are believed from trusted proxies only: anybody can write them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import msgspec
from starlette.types import Scope

from triphammer.sensors.headers import Headers

TRACES = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """The client of a request. `secure`: it came by TLS. `forwarded`: a proxy that is not
    trusted has, or claims to have, passed it on. `host`: what the client calls us."""

    address: str
    secure: bool
    host: str | None
    forwarded: bool = False


class Proxies:
    """Those that are trusted, as addresses and networks."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ip_network(text) for text in networks]

    def peer(self, scope: Scope, headers: Headers) -> Peer:
        """The client that sent the request of an ASGI scope."""
        address: str = (scope.get("client") or ("", 0))[0]
        secure, host = scope.get("scheme") == "https", headers.get("host")
        if not (self._networks and self._trust(address)):
            traced = any(name in headers for name in TRACES)
            return Peer(address=address, secure=secure, host=host, forwarded=traced)
        proto = headers.get("x-forwarded-proto")
        return Peer(
            address=self._client(_hops(scope), address),
            secure=secure if proto is None else _last(proto) == "https",
            host=_last(headers.get("x-forwarded-host", "")) or host,
        )

    def _client(self, hops: Sequence[str], nearest: str) -> str:
        """The last hop that no trusted proxy made; what stands before it anybody may have
        written."""
        for hop in reversed(hops):
            if _address(hop) is None:
                break
            nearest = hop
            if not self._trust(hop):
                break
        return nearest

    def _trust(self, text: str) -> bool:
        address = _address(text)
        if address is None:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


def _hops(scope: Scope) -> list[str]:
    return [hop for value in _values(scope) for hop in map(_bare, value.split(",")) if hop]


def _values(scope: Scope) -> Iterator[str]:
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            yield value.decode("latin-1")


def _bare(hop: str) -> str:
    """An address without its port."""
    hop = hop.strip()
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _last(value: str) -> str:
    return value.rpartition(",")[2].strip().lower()


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None
