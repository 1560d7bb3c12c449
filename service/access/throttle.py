"""How often somebody may fail to say who they are."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network

MOST = 10
"""Failures in a row that count as mistakes."""
SECONDS = 6.0
"""After so long one failure is forgotten."""
ROOM = 10_000
"""Addresses that are remembered; of more, those that failed longest ago are forgotten."""


class Throttle:
    """Counts failures by key: a bucket that each failure fills and time empties."""

    def __init__(self) -> None:
        self._full: OrderedDict[str, float] = OrderedDict()
        """By key: when the bucket will be empty, in seconds of the clock."""

    def __len__(self) -> int:
        return len(self._full)

    def wait(self, key: str, now: float) -> float:
        """Seconds until `key` may try again; 0: now."""
        empty = self._full.get(key, now)
        return max(0.0, empty - now - (MOST - 1) * SECONDS)

    def failed(self, key: str, now: float) -> None:
        """One more failure."""
        self._full[key] = max(self._full.pop(key, now), now) + SECONDS
        while len(self._full) > ROOM:
            self._full.popitem(last=False)


def neighbourhood(address: str) -> str:
    """What counts as one client: an address, of IPv6 the network of 64 bits that one gets."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ip_network((found, 64), strict=False))
    return str(found)
