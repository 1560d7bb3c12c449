"""Public identifiers: `run_...`, `evt_...`, `msg_...`, each a UUIDv7 (RFC 9562) in hex."""

from __future__ import annotations

import os
import time
from random import Random

_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The RFC's two variant bits put over a hex digit."""
PREFIXES = ("run", "evt", "msg", "cat", "ddl", "bf")


# Asking the kernel each time costs more than all the rest of taking in an event. A generator
# of our own: `random.seed()` in somebody's task does not make ids come twice.
_DRAW = Random(os.urandom(32)).getrandbits


def new_id(prefix: str) -> str:
    """A new identifier with `prefix`, ordered by the millisecond it was made in."""
    millis = time.time_ns() // 1_000_000
    value = (millis << 80) | _DRAW(80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return f"{prefix}_{value:032x}"


def new_ids(prefix: str, count: int) -> list[str]:
    """`count` new identifiers at once: a batch needs one look at the clock and one at chance."""
    millis = f"{time.time_ns() // 1_000_000:012x}"
    rand = os.urandom(10 * count).hex()
    return [
        f"{prefix}_{millis}7{rand[i : i + 3]}{_VARIANT[rand[i + 3]]}{rand[i + 4 : i + 19]}"
        for i in range(0, 20 * count, 20)
    ]


def is_row_number(text: str) -> bool:
    """Whether `text` may be the number of a stored row: digits of ASCII, less than 63 bits."""
    return text.isascii() and text.isdecimal() and len(text) <= 18
