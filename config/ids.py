"""Public identifiers: `run_...`, `evt_...`, `msg_...`, each a UUIDv7 (RFC 9562) in hex."""

from __future__ import annotations

import os
import time

PREFIXES = ("run", "evt", "msg", "cat", "ddl")


def new_id(prefix: str) -> str:
    """A new identifier with `prefix`, ordered by the millisecond it was made in."""
    millis = time.time_ns() // 1_000_000
    rand = int.from_bytes(os.urandom(10), "big")
    value = (millis << 80) | rand
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return f"{prefix}_{value:032x}"
