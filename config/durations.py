"""Durations: `timedelta`, seconds, or text such as `"250ms" "30s" "5m" "2h" "1d" "1w" "1h30m"`."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

from triphammer.config.errors import DurationError
from triphammer.config.showing import shown

DurationLike = timedelta | float | int | str

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WORDS = {
    "second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w", "millisecond": "ms",
}  # fmt: skip
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.ASCII)
_CURE = 'write it like "250ms", "30s", "5m", "2h", "1d", "1w" or "1h30m"'
LONGEST_SECONDS = 100 * 365 * 86_400
"""Longer is a mistake: it would not fit the arithmetic of due times."""


def parse_duration(value: DurationLike) -> timedelta:
    """The duration that `value` says. Raises `DurationError` for text that is none, for
    negative, non-finite and absurdly long ones."""
    if isinstance(value, timedelta):
        return _within(value.total_seconds(), value)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):  # pyright: ignore[reportUnnecessaryIsInstance] - users pass anything
        raise DurationError(f"{shown(value)} is no duration: {_CURE}, or give seconds")
    if isinstance(value, str):
        return _within(_text_seconds(value), value)
    try:
        return _within(float(value), value)
    except OverflowError:
        return _within(math.inf, value)


def seconds(value: DurationLike) -> float:
    """The duration in seconds. Raises `DurationError`."""
    return parse_duration(value).total_seconds()


def micros(value: DurationLike) -> int:
    """The duration in whole microseconds. Raises `DurationError`."""
    return parse_duration(value) // timedelta(microseconds=1)


def format_duration(value: timedelta) -> str:
    """A short text that parses back to `value` (to the millisecond): `30d`, `1h30m`, `3w`."""
    left = round(value.total_seconds() * 1000)
    if left == 0:
        return "0s"
    parts: list[str] = []
    for unit in ("w", "d", "h", "m", "s", "ms"):
        size = round(_SECONDS[unit] * 1000)
        if unit == "w" and left % size:
            continue  # 30d says more than 4w2d
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def _within(total: float, value: object) -> timedelta:
    if not math.isfinite(total) or not 0 <= total <= LONGEST_SECONDS:
        raise DurationError(f"{shown(value)} is no duration: it must be from 0 to 100 years")
    return timedelta(seconds=total)


def _text_seconds(text: str) -> float:
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", text, re.ASCII):
        return float(text)
    total, at, low = 0.0, 0, text.lower()
    while at < len(low):
        part = _PART.match(low, at)
        unit = None if part is None else _unit(part[2])
        if part is None or unit is None:
            raise DurationError(f"{shown(text)} is no duration: {_CURE}")
        total += float(part[1]) * _SECONDS[unit]
        at = part.end()
    if not text.strip():
        raise DurationError(f"{shown(text)} is no duration: {_CURE}")
    return total


def _unit(word: str) -> str | None:
    return word if word in _SECONDS else _WORDS.get(word.removesuffix("s"))


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
"""A settings field that takes every form of a duration."""
