"""Sizes in bytes: a number, or text such as `"10MB"` (1000s) and `"1GiB"` (1024s)."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from triphammer.config.errors import SizeError

_UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_TEXT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.ASCII)


def parse_size(value: int | str) -> int:
    """The bytes that `value` says. Raises `SizeError`."""
    found = _TEXT.fullmatch(str(value).lower()) if not isinstance(value, bool) else None
    if found is None or found[2] not in _UNITS:
        raise SizeError(f'{value!r} is no size: write it like "512KB", "10MB" or "1GiB"')
    return int(float(found[1]) * _UNITS[found[2]])


def format_size(size: int) -> str:
    """`size` in the largest unit of 1000s that leaves a whole number."""
    for unit in ("TB", "GB", "MB", "KB"):
        if size and size % _UNITS[unit.lower()] == 0:
            return f"{size // _UNITS[unit.lower()]}{unit}"
    return f"{size}B"


Size = Annotated[int, BeforeValidator(parse_size)]
"""A settings field that takes every form of a size."""
