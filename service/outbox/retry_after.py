"""The `Retry-After` header (RFC 9110, section 10.2.3): seconds, or an HTTP date."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)


def retry_after(value: str | None, now: int) -> float | None:
    """Seconds from `now` (microseconds UTC), never negative; None: absent or no such value."""
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # "-0000" gives a naive time: RFC 5322 means UTC by it, from no known zone.
    aware = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return max(0.0, aware.timestamp() - now / 1e6)
