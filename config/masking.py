"""Hides secret values in texts that people read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from threading import Lock
from typing import Any, cast
from urllib.parse import quote

MASK = "***"
SHORTEST_MASKED = 4
"""A shorter value would blank out innocent text."""
SHORTEST_LINE = 8
"""The same for one line of a value of several."""
TOKEN_PREFIX = "trip_"
"""What the text of each of our tokens begins with, so that it is known anywhere."""
_TOKEN = re.compile(rf"{TOKEN_PREFIX}[0-9a-f]{{16}}_[A-Za-z0-9_-]{{43}}", re.ASCII)
_WORDS = ("password", "passwd", "secret", "token", "key", "credential", "dsn")
_HARMLESS = ("file", "path", "name", "_id")
_URL_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):([^/@\s]+)(?=@)")


def looks_secret(name: str) -> bool:
    """Whether a key of an open table is one whose value nobody should read."""
    low = name.lower()
    return any(word in low for word in _WORDS) and not low.endswith(_HARMLESS)


def without_url_passwords(text: str) -> str:
    """`text` with the passwords in its URLs replaced."""
    return _URL_PASSWORD.sub(rf"\1:{MASK}", text) if "://" in text else text


def secrets_in(table: Mapping[str, Any]) -> Iterator[str]:
    """The values of an open table that look secret by their key, and passwords in URLs."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from secrets_in(cast("Mapping[str, Any]", value))
        elif looks_secret(name):
            yield str(value)
        else:
            yield from (found[2] for found in _URL_PASSWORD.finditer(str(value)))


class Masker:
    """Replaces hidden values by `***`; values may be added from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._hidden: tuple[str, ...] = ()

    @property
    def hidden(self) -> tuple[str, ...]:
        """All forms of values that are hidden."""
        return self._hidden

    def hide(self, values: Iterable[str]) -> None:
        """Hide `values` from now on, also escaped, quoted for a URL, and line by line."""
        new = {form for value in values for form in _forms(value)}
        if new.issubset(self._hidden):
            return
        with self._lock:
            # The longest first: a secret that contains another is hidden whole.
            self._hidden = tuple(sorted(new.union(self._hidden), key=len, reverse=True))

    def mask(self, text: str) -> str:
        """`text` without the hidden values, and without tokens of ours."""
        # Nearly always nothing is found: a plain search costs a tenth of a pattern of them all.
        for value in self._hidden:
            if value in text:
                text = text.replace(value, MASK)
        return _TOKEN.sub(MASK, text) if TOKEN_PREFIX in text else text


def _forms(value: str) -> Iterator[str]:
    if len(value) < SHORTEST_MASKED:
        return
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield quote(value, safe="", errors="backslashreplace")
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= SHORTEST_LINE)
