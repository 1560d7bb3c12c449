"""When a request is sent again, and when it is given up: decisions over values, no waiting here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from triphammer.service.client.calls import Call
from triphammer.service.client.errors import Unreachable

BUSY = (429, 503)
FIRST_PAUSE = 0.1
"""Seconds after a connection was lost; twice as long each further time."""


class Limits(msgspec.Struct, frozen=True):
    """How long a client goes on trying. `retries`: how often one request is sent again;
    `longest_wait`: seconds that it may be kept waiting in all, `Retry-After` included; `outage`:
    seconds that a stream waits for a daemon that is away."""

    retries: int
    longest_wait: float
    outage: float


class Trying:
    """One request, from its first time to its last."""

    def __init__(self, call: Call[Any], url: str, limits: Limits) -> None:
        self._call = call
        self._url = url
        self._limits = limits
        self._tries = 0
        self._waited = 0.0

    def after_answer(self, status: int, headers: Mapping[str, str]) -> float | None:
        """Seconds to wait before it is sent again; None: this answer counts."""
        if status not in BUSY or status in self._call.given.fine:
            return None
        wanted = headers.get("retry-after", "")
        if not (wanted.isascii() and wanted.isdigit()):
            return None
        return self._again(float(wanted))

    def after_loss(self, error: httpx.TransportError) -> float:
        """Seconds to wait before it is sent again. Raises `Unreachable`: it is given up."""
        gone = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
        if isinstance(error, httpx.TimeoutException) and not gone:
            raise unreachable(self._url, error)
        # Nobody there at first: there is no daemon. Nobody there later: it is being restarted.
        if (gone and not self._tries) or not (gone or self._call.repeatable):
            raise unreachable(self._url, error)
        pause = self._again(FIRST_PAUSE * 2**self._tries)
        if pause is None:
            raise unreachable(self._url, error)
        return pause

    def _again(self, pause: float) -> float | None:
        if self._tries >= self._limits.retries or self._waited + pause > self._limits.longest_wait:
            return None
        self._tries += 1
        self._waited += pause
        return pause


class Outage:
    """A stream that breaks off again and again."""

    def __init__(self, url: str, limits: Limits) -> None:
        self._url = url
        self._limits = limits
        self._waited = 0.0
        self._ever = False

    def over(self) -> None:
        """The stream is open (again)."""
        self._ever = True
        self._waited = 0.0

    def lost(self, error: Exception | None, pause: float) -> tuple[Unreachable, float]:
        """What to tell, and how many seconds to wait. Raises `Unreachable`: it is given up, at
        once where it has never been open."""
        told, pause = unreachable(self._url, error), max(pause, FIRST_PAUSE)
        if not self._ever or self._waited + pause > self._limits.outage:
            raise told
        self._waited += pause
        return told, pause


def unreachable(url: str, error: Exception | None) -> Unreachable:
    """What to tell of a failed connection, and what to do about it."""
    if isinstance(error, httpx.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Unreachable(
            f"the certificate of {url} is not trusted ({error}): name the file of who made it in "
            "the variable SSL_CERT_FILE"
        )
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        told = f"no daemon at {url}: start one with `triphammer serve`, or say where it is with "
        return Unreachable(f"{told}url= or TRIPHAMMER_URL", f"{told}--url or TRIPHAMMER_URL")
    if error is None:
        return Unreachable(f"the daemon at {url} has ended the stream: it is stopping")
    if isinstance(error, httpx.TimeoutException):
        return Unreachable(f"the daemon at {url} did not answer in time ({error!r})")
    return Unreachable(
        f"the connection to the daemon at {url} was lost ({error!r}): whether it has taken the "
        "request is not known"
    )
