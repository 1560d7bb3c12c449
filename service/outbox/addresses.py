"""Where webhooks may go with `allow_private = false`: public addresses only."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import anyio

from triphammer.service.errors import ServiceError

_TRANSLATED = (
    IPv6Network("::/96"),
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
)
"""IPv4-compatible addresses and those of NAT64 (RFC 6052, RFC 8215): the last 32 bits count."""


class NotPublic(ServiceError):
    """A host that leads to an address that is not public."""


def is_public(text: str) -> bool:
    """Whether an IP address can be reached from anywhere, and so is nobody's inner network."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        address = _embedded(address) or address
    return address.is_global and not address.is_multicast


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to, through the system or a translator."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


async def public_address(host: str, port: int) -> str:
    """The address to connect to for `host`.

    It is the address that was looked at that must be connected to: a second look-up may
    answer otherwise. Raises `NotPublic` if any address of the host is not public, and
    OSError when it has none.
    """
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not is_public(address):
            raise NotPublic(f"{host} is at {address}, which is not public ([outbox] allow_private)")
    return addresses[0]
