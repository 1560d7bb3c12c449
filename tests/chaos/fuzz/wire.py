"""Inputs with headers as one text: `name: value` lines, an empty line, the body."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Message(NamedTuple):
    """Header pairs in the order they came, and the body."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def get(self, name: bytes, default: bytes = b"") -> bytes:
        """The last header of that name."""
        return dict(self.headers).get(name, default)


def message(data: bytes) -> Message:
    """Any bytes as a message."""
    head, _, body = data.partition(b"\n\n")
    return Message(tuple(_pairs(head)), body)


def _pairs(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in head.split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon:
            yield name.strip().lower(), value.strip()


def wire(body: bytes = b"", **headers: str | bytes) -> bytes:
    """The text of a message; `_` in a name stands for `-`."""
    lines = [
        name.replace("_", "-").encode() + b": " + (v if isinstance(v, bytes) else v.encode())
        for name, v in headers.items()
    ]
    return b"\n".join(lines) + b"\n\n" + body
