"""Faults put into the daemon on purpose: each breaks a promise, and the regime must say so.

`python -m tests.chaos.planted` plants one after the other; `tests/chaos/test_planted.py` runs
the same. `launcher planted:NAME -- ...` starts a daemon with one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from tests.chaos.launcher import patch


def no_flush() -> None:
    """`synchronous=OFF`: a commit no longer waits for the disk."""
    from triphammer.service.store.sqlite import connection

    def lax(original: Callable[..., None]) -> Callable[..., None]:
        def pragmas(raw: sqlite3.Connection, **_: Any) -> None:
            original(raw, synchronous="OFF")

        return pragmas

    patch(connection, "_pragmas", lax)


PLANTED: Mapping[str, Callable[[], None]] = {plant.__name__: plant for plant in (no_flush,)}
