"""Which targets are in trouble, for those who show it: of so many at a time at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from triphammer.service.outbox.courier import host_of
from triphammer.service.store.contract import Endpoint

Trouble = Callable[[str, str | None], None]

MOST = 100
ENABLE = "`triphammer deadletters redrive --target URL` enables it again"


class Troubles:
    """Tells `trouble` of a target that fails, with the reason, and with None when that is over or
    nothing is to be sent."""

    def __init__(self, trouble: Trouble) -> None:
        self._trouble = trouble
        self._failing: dict[str, None] = {}
        self._disabled: set[str] = set()

    def attempted(self, target: str, error: str | None) -> None:
        """The last attempt at `target` failed, or (None) it was accepted."""
        known = target in self._failing
        self._failing.pop(target, None)
        if error is not None:
            self._failing[target] = None
        if known or error is not None:
            self._trouble(target, error)
        while len(self._failing) > MOST:
            oldest = next(iter(self._failing))
            del self._failing[oldest]
            self._trouble(oldest, None)

    def nothing_waits(self) -> None:
        """No message is to be sent: whether a target would take one nobody knows any more. What
        was given up is a dead letter, which says why."""
        for target in self._failing:
            self._trouble(target, None)
        self._failing.clear()

    def disabled(self, endpoints: Sequence[Endpoint]) -> None:
        """Nothing is sent to these endpoints: told by their hosts."""
        by_host = Counter(host_of(endpoint.target) for endpoint in endpoints)
        hosts = dict(by_host.most_common(MOST))
        for host in self._disabled - hosts.keys():
            self._trouble(f"{host} (disabled)", None)
        for host, count in hosts.items():
            which = "a target" if count == 1 else f"{count} targets"
            text = f"{which} answered 410 Gone, so nothing is sent there; {ENABLE}"
            self._trouble(f"{host} (disabled)", text)
        self._disabled = set(hosts)


def why_disabled(endpoint: Endpoint) -> str:
    """Why a message to `endpoint` is not sent, and what to do."""
    when = datetime.fromtimestamp(endpoint.disabled_at / 1e6, UTC)
    return f"the target is disabled since {when:%Y-%m-%d %H:%M} UTC: {endpoint.reason}; {ENABLE}"
