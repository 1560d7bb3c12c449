"""Writes many rows in few steps.

The interpreter's sqlite3 gives its lock up for every step of a statement and, while another
thread is busy, waits a switch interval to get it back. Row by row a group under load took ten
times as long as its work; with many rows a step, SQLite works while the service loop does.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

STEP = 64
"""Rows a step at most: with 14 columns still below the 999 parameters of old libraries."""
_VALUES = re.compile(r"VALUES\s*(\([^()]*\))")


class Bulk:
    """A statement with one `VALUES (?, ...)`, for any number of such rows."""

    def __init__(self, sql: str) -> None:
        found = _VALUES.search(sql)
        if found is None:
            raise ValueError(f"no VALUES (?, ...) in {sql!r}")
        head, row, tail = sql[: found.start(1)], found[1], sql[found.end(1) :]
        self._by_size = {n: head + ", ".join([row] * n) + tail for n in _sizes(STEP)}

    def run(self, raw: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> int:
        """Run it with `rows` in their order; how many rows have changed."""
        changed = 0
        for first, size in _chunks(len(rows)):
            values = [value for row in rows[first : first + size] for value in row]
            changed += raw.execute(self._by_size[size], values).rowcount
        return changed


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    """First row and size of each step. Sizes are powers of two, so that the few statements
    there are stay prepared."""
    first = 0
    for size in _sizes(STEP):
        while count - first >= size:
            yield first, size
            first += size


def _sizes(largest: int) -> Iterator[int]:
    while largest:
        yield largest
        largest //= 2
