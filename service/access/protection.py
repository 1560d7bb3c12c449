"""Whether the daemon is open to anybody who reaches it, and when it refuses to be."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import msgspec

from triphammer.config.settings import Server
from triphammer.service.access.loopback import is_loopback
from triphammer.service.errors import CannotServe, StoreError
from triphammer.service.store.inspection import reading
from triphammer.service.store.layout import DATABASE
from triphammer.service.store.sqlite.access import token_rows


class Protection(msgspec.Struct, frozen=True):
    """`open`: nobody is asked who they are. `by_address`: only since it is on loopback, so that
    what a proxy passes on is refused."""

    open: bool
    by_address: bool
    why: str

    @classmethod
    def of(cls, server: Server, address: str) -> Protection:
        """That of a daemon which listens on `address`."""
        if server.open is not None:
            return cls(server.open, False, f"[server] open is {str(server.open).lower()}")
        if server.trusted_proxies:
            return cls(False, False, "[server] trusted_proxies names proxies in front")
        if not is_loopback(address):
            return cls(False, False, f"{address} can be reached from other machines")
        return cls(True, True, f"{address} is reached from this machine only")


def refuse_unguarded(protection: Protection, folder: Path) -> None:
    """Raises `CannotServe` where tokens are asked for and there is none."""
    if protection.open or _has_token(folder):
        return
    raise CannotServe(
        f"{protection.why}, and nobody has a token yet: make one with "
        "`triphammer token create NAME --scope admin`, or let everybody in who reaches this "
        "daemon with --open ([server] open = true)"
    )


def _has_token(folder: Path) -> bool:
    """Whether the folder has a token in force. A database that cannot be read is for its opening
    to tell of."""
    now = time.time_ns() // 1000
    try:
        with closing(reading(folder / DATABASE)) as raw:
            return any(row.in_force(now) for row in token_rows(raw))
    except StoreError:
        return False
    except sqlite3.Error as error:
        return "no such table" not in str(error)
