"""Who is signed in at the console."""

from __future__ import annotations

import secrets
from collections import OrderedDict

import msgspec

from triphammer.sensors.headers import Headers
from triphammer.service.access.token import digest_of

MOST = 1000
"""Sessions that are remembered; of more, those that began longest ago end."""


class Session(msgspec.Struct, frozen=True):
    """Somebody with the token of this id, until then."""

    token: str
    ends_at: float


class Sessions:
    """Held in memory by the digests of their ids: a restart signs everybody out, and a copy of
    the data folder lets nobody in. Whose token is revoked or expired is signed out with it."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        """Seconds from the signing in, whatever is done meanwhile."""
        self._by_digest: OrderedDict[bytes, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_digest)

    def begin(self, token: str, now: float) -> str:
        """The id of a new session: never one that a client has brought."""
        id = secrets.token_urlsafe(32)
        self._by_digest[digest_of(id)] = Session(token, now + self.lifetime)
        while len(self._by_digest) > MOST:
            self._by_digest.popitem(last=False)
        return id

    def find(self, id: str, now: float) -> Session | None:
        """The session of this id that has not ended."""
        found = self._by_digest.get(digest_of(id))
        return found if found is not None and now < found.ends_at else None

    def end(self, id: str) -> None:
        """It is over; ending what is none does nothing."""
        self._by_digest.pop(digest_of(id), None)


class Cookie:
    """The cookie that holds the id. Not for scripts, nor for the requests of other sites' pages
    but for following a link (`Lax`: a link to a run, in a mail, leads there and not to the
    sign-in page; what changes something is checked besides, see the guard).

    Under TLS its name begins with `__Host-`: no other host or port without TLS can set it. Its
    port is in its name, since browsers give cookies to all ports of a host.
    """

    def __init__(self, port: int, *, secure: bool) -> None:
        self._secure = secure
        self._name = f"{'__Host-' if secure else ''}triphammer-{port}"

    def read(self, headers: Headers) -> str | None:
        """The id that a request brings."""
        for pair in headers.get("cookie", "").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self._name:
                return value
        return None

    def made(self, id: str, seconds: float) -> str:
        """The `Set-Cookie` that gives the id to a browser."""
        flags = "; Secure" if self._secure else ""
        age = int(seconds)
        return f"{self._name}={id}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{flags}"

    def gone(self) -> str:
        """The `Set-Cookie` that takes it away."""
        return self.made("", 0)
