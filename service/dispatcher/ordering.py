"""Order by key: which runs wait for which others. Pure accounting, advanced after commits."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

import msgspec

from triphammer.config.patterns.values import finder, leaves
from triphammer.sensors.event import Event

LONGEST_KEY = 200
"""Characters of a key that are stored as they are; of a longer one its hash is."""


def order_key(path: str, event: Event) -> str | None:
    """The value at `path` of the event as text; None where there is none, or null."""
    names = path.split(".")
    if names[0] == "headers":
        names[1:] = [name.lower() for name in names[1:]]
    found = list(leaves(finder(tuple(names))(event)))
    if found in ([], [None]):
        return None
    key = msgspec.json.encode(found[0] if len(found) == 1 else found).decode()
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()


class Ordering:
    """How many runs hold each key of each flow: those that are open, and dead letters."""

    def __init__(self) -> None:
        self._held: dict[str, Counter[str]] = {}

    def load(self, held: Iterable[tuple[str, str, int]]) -> None:
        """Begin with what the store says: flow, key, count."""
        for flow, key, count in held:
            self._held.setdefault(flow, Counter())[key] = count

    def join(self, flow: str, key: str) -> bool:
        """A run has come; whether it is the first of its key and need not wait."""
        keys = self._held.setdefault(flow, Counter())
        keys[key] += 1
        return keys[key] == 1

    def leave(self, flow: str, key: str) -> bool:
        """A run has ended well or was skipped; whether others wait behind it."""
        keys = self._held.get(flow, Counter())
        keys[key] -= 1
        if keys[key] > 0:
            return True
        del keys[key]
        if not keys:
            self._held.pop(flow, None)
        return False
