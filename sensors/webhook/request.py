"""What a webhook sensor judges and, besides an acceptance, may answer."""

from __future__ import annotations

import msgspec

from triphammer.sensors.headers import Headers


class HookRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery as HTTP brought it. `received_at` is in microseconds UTC.

    `path` is what follows `/hooks/`, `query` the text behind the question mark.
    """

    path: str
    headers: Headers
    body: bytes
    received_at: int
    method: str = "POST"
    query: str = ""


class Challenge(msgspec.Struct, frozen=True):
    """A provider's test of the address, no event: answer 200 with `text` as text/plain."""

    text: str
