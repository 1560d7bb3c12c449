"""Which addresses and names lead to this machine, or can be no name of somebody else's site."""

from __future__ import annotations

from ipaddress import ip_address

RESERVED = (".localhost", ".local", ".internal", ".home.arpa")
"""Endings that nobody can register: no site of somebody else has such a name."""


def is_loopback(address: str) -> bool:
    """Whether an address, as a socket names it, is reached from this machine only."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return found.is_loopback or (mapped is not None and mapped.is_loopback)


def is_local_path(text: str) -> bool:
    """Whether a browser takes `text` for a place on this host: `//host` and `/\\host` are none."""
    return (
        text.startswith("/")
        and not text.startswith(("//", "/\\"))
        and text.isascii()
        and text.isprintable()
    )


def host_name(host: str) -> str:
    """The name or address of a `Host` header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).rstrip(".").lower()


def is_rebindable(host: str) -> bool:
    """Whether a `Host` is a name that somebody could let point here, so that their page counts
    as one of ours (DNS rebinding). Addresses, names without a dot and reserved ones are not."""
    name = host_name(host)
    if "." not in name or name.endswith(RESERVED):
        return False
    try:
        ip_address(name)
    except ValueError:
        return True
    return False
