"""HTTP and Kafka headers: an immutable mapping whose names are case-insensitive."""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterable, Iterator, Mapping
from typing import Self, TypeVar, cast, overload

T = TypeVar("T")


class Headers(Mapping[str, str]):
    """Header names in lower case to their value; a repeated name keeps the last value."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = cast(Mapping[str, str], items).items() if isinstance(items, Mapping) else items
        self._items = {name.lower(): value for name, value in pairs}

    @classmethod
    def of_asgi(cls, pairs: Iterable[tuple[bytes, bytes]]) -> Self:
        """The headers of an ASGI scope: byte pairs, names in lower case."""
        return cls((n.decode("latin-1"), v.decode("latin-1")) for n, v in pairs)

    def without(self, names: Collection[str]) -> Self:
        """The headers but those of `names` (in lower case)."""
        return type(self)(item for item in self._items.items() if item[0] not in names)

    # `Mapping` has the next two as well, but in terms of `__getitem__`, many times slower.

    def items(self) -> ItemsView[str, str]:
        """The pairs, names in lower case."""
        return self._items.items()

    @overload
    def get(self, key: str, /) -> str | None: ...
    @overload
    def get(self, key: str, /, default: str) -> str: ...
    @overload
    def get(self, key: str, /, default: T) -> str | T: ...
    def get(self, key: str, /, default: object = None) -> object:
        """The value of a header, or `default`."""
        return self._items.get(key.lower(), default)

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
