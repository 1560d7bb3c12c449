"""On which line of a TOML text each key stands, for messages: tomllib does not tell."""

from __future__ import annotations

import re

_TABLE = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""^\s*([A-Za-z0-9_."' -]+?)\s*=""")
_PART = re.compile(r"""\"[^"]*\"|'[^']*'|[^.\s]+""")
_QUOTES = re.compile(r'"""|\'\'\'')


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line numbers from 1 by key and table. What is in an inline table has no line of its own."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        if not inside and (header := _TABLE.match(line)):
            table = _parts(header[1])
            lines.setdefault(table, number)
        elif not inside and (key := _KEY.match(line)):
            lines.setdefault((*table, *_parts(key[1])), number)
        if len(_QUOTES.findall(line)) % 2:  # a text of several lines begins or ends
            inside = not inside
    return lines


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
