"""Addresses of mail."""

from __future__ import annotations

from typing import Any


def is_address(text: Any) -> bool:
    """Whether mail can be addressed to `text`: no name beside it, nothing that ends a line."""
    if not isinstance(text, str) or not text.isprintable() or any(c in text for c in ' ,;<>"'):
        return False
    name, at, host = text.rpartition("@")
    return bool(name and at and host) and "@" not in name
