"""What of access stands for the life of the process, whatever becomes of the store."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from triphammer.config.settings import Server
from triphammer.service.access.protection import Protection
from triphammer.service.access.proxies import Proxies
from triphammer.service.access.sessions import Sessions
from triphammer.service.access.throttle import Throttle

log = logging.getLogger("triphammer.access")


@dataclass(frozen=True, slots=True)
class Access:
    """How the daemon is guarded, which proxies and names it trusts, who is signed in, and who has
    failed lately."""

    protection: Protection
    proxies: Proxies
    hosts: frozenset[str]
    sessions: Sessions
    throttle: Throttle = field(default_factory=Throttle)

    @classmethod
    def of(cls, server: Server, address: str) -> Access:
        """That of a daemon which listens on `address`."""
        return cls(
            Protection.of(server, address),
            Proxies(server.trusted_proxies),
            frozenset(name.lower() for name in server.hosts),
            Sessions(server.session.total_seconds()),
        )

    def failed(self, key: str, address: str) -> None:
        """Count a failure; the log is told when no more of them are heard."""
        self.throttle.failed(key, self.now())
        if self.throttle.wait(key, self.now()):
            log.warning("too many wrong tokens come from %s: it has to wait", address)

    def now(self) -> float:
        """The seconds that failures are counted by."""
        return time.monotonic()
