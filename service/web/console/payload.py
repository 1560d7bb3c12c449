"""A value that users gave as a tree to open and close: bounded, and without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from triphammer.config.showing import short
from triphammer.service.web.shown import Mask

MOST = 1000
"""Nodes that are drawn: of a larger value the rest is told by its number."""
OPEN = 3
"""So deep a tree is open at first."""
WIDE = 200
"""Members of one mapping or list that are drawn."""
LONGEST = 4000
"""Characters of a text that is drawn."""
DEEPEST = 40
"""What is nested deeper is written in one line."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One member. `kind`: `map`, `list`, or that of a plain value, whose `text` it is. `left`
    members are not drawn."""

    name: str
    kind: str
    text: str = ""
    members: tuple[Node, ...] = ()
    left: int = 0
    count: int = 0
    open: bool = False


def tree(value: Any, mask: Mask) -> Node:
    """The tree of a JSON value."""
    return _Drawing(mask).node("", value, 0)


class _Drawing:
    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._left = MOST

    def node(self, name: str, value: Any, depth: int) -> Node:
        self._left -= 1
        name = self._shown(name)
        if depth < DEEPEST and isinstance(value, dict):
            named = ((str(key), item) for key, item in cast("Mapping[str, Any]", value).items())
            return self._branch(name, "map", named, len(cast("Mapping[str, Any]", value)), depth)
        if depth < DEEPEST and isinstance(value, list):
            items = cast("Sequence[Any]", value)
            numbered = ((str(number), item) for number, item in enumerate(items))
            return self._branch(name, "list", numbered, len(items), depth)
        return Node(name=name, kind=_kind(value), text=self._shown(_text(value)))

    def _branch(
        self, name: str, kind: str, members: Iterable[tuple[str, Any]], count: int, depth: int
    ) -> Node:
        drawn: list[Node] = []
        for key, item in members:
            if len(drawn) >= WIDE or self._left <= 0:
                break
            drawn.append(self.node(key, item, depth + 1))
        return Node(
            name=name,
            kind=kind,
            members=tuple(drawn),
            left=count - len(drawn),
            count=count,
            open=depth < OPEN,
        )

    def _shown(self, text: str) -> str:
        # Masked as a whole: half a secret would not be known for one.
        return short(self._mask(text), LONGEST)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if isinstance(value, str) else "json"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
