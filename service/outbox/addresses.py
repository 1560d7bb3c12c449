"""Where webhooks may go with `allow_private = false`: public addresses only."""

from __future__ import annotations

import socket
from ipaddress import IPv6Address, ip_address

import anyio

from triphammer.service.errors import ServiceError


class NotPublic(ServiceError):
    """A host that leads to an address that is not public."""


def is_public(text: str) -> bool:
    """Whether an IP address can be reached from anywhere, and so is nobody's inner network."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast


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
