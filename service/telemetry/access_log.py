"""The access log: a line for each request, at its end.

What clients choose - paths, methods - cannot break a line or colour a terminal, and what stands
behind the `?` is left out: tokens of webhooks stand there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from triphammer.config.logging import ACCESS
from triphammer.config.showing import short
from triphammer.service.web.seen import Seen

LONGEST = 500
"""Characters of a path: clients choose how long it is."""
PLAIN = "/:@!$&'()*+,;=-._~{}[]|^"
"""Characters of a path that stand for themselves in a text."""

log = logging.getLogger(ACCESS)


class AccessLog:
    """Writes lines as `text` or as `json`. `now` is the clock (microseconds UTC)."""

    def __init__(self, form: Literal["text", "json"], now: Callable[[], int]) -> None:
        self._line = _text if form == "text" else _json
        self._now = now

    def __call__(self, seen: Seen) -> None:
        """A request has its answer."""
        at = datetime.fromtimestamp(self._now() / 1e6, UTC)
        log.info("%s", self._line(seen, at.isoformat(timespec="milliseconds")))


def _text(seen: Seen, at: str) -> str:
    """Fields in a fixed order, with a blank between them and none within."""
    request = f'"{_plain(seen.method)} {_plain(seen.path)}"'
    took = f"{seen.seconds * 1000:.1f}ms"
    return " ".join(
        (
            at,
            _plain(seen.client) or "-",
            _plain(seen.who) or "-",
            request,
            str(seen.status),
            str(seen.sent),
            took,
            seen.trace or "-",
        )
    )


def _json(seen: Seen, at: str) -> str:
    line = {
        "time": at,
        "logger": ACCESS,
        "client": seen.client,
        "who": seen.who,
        "method": short(seen.method, LONGEST),
        "path": short(seen.path, LONGEST),
        "route": seen.route,
        "status": seen.status,
        "bytes": seen.sent,
        "seconds": round(seen.seconds, 6),
        "trace_id": seen.trace,
    }
    return json.dumps(line)  # ASCII: no letter that turns a line around or ends it


def _plain(text: str) -> str:
    """`text` with everything else percent-encoded that is no printable ASCII, or that ends a
    field."""
    return quote(short(text, LONGEST), safe=PLAIN)
