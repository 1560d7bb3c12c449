"""Sizes in bytes: a number, or text such as `"10MB"` (1000s) and `"1GiB"` (1024s)."""

from __future__ import annotations

import re
from math import inf
from typing import Annotated

from pydantic import BeforeValidator

from triphammer.config.errors import SizeError
from triphammer.config.showing import shown

_UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
LARGEST = 2**60
"""Larger is a mistake."""
_TEXT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.ASCII)


def parse_size(value: int | str) -> int:
    """The bytes that `value` says. Raises `SizeError`."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST:
        return value
    found = _TEXT.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    size = float(found[1]) * _UNITS[found[2]] if found and found[2] in _UNITS else inf
    if size > LARGEST:
        raise SizeError(f'{shown(value)} is no size: write it like "512KB", "10MB" or "1GiB"')
    return int(size)


def format_size(size: int) -> str:
    """`size` in the largest unit that leaves a whole number: `10MB`, `2MiB`, `1234B`."""
    for unit in ("TB", "TiB", "GB", "GiB", "MB", "MiB", "KB", "KiB"):
        if size and size % _UNITS[unit.lower()] == 0:
            return f"{size // _UNITS[unit.lower()]}{unit}"
    return f"{size}B"


Size = Annotated[int, BeforeValidator(parse_size)]
"""A settings field that takes every form of a size."""
