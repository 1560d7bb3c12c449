"""HTTP and Kafka headers: an immutable mapping whose names are case-insensitive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast


class Headers(Mapping[str, str]):
    """Header names in lower case to their value; a repeated name keeps the last value."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = cast(Mapping[str, str], items).items() if isinstance(items, Mapping) else items
        self._items = {name.lower(): value for name, value in pairs}

    def __getitem__(self, name: str) -> str:
        return self._items[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))


NO_HEADERS = Headers()
