"""All open connections: which of them wait for their client, until when, and what they hold."""

from __future__ import annotations

import logging
import resource
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Protocol

import msgspec

from triphammer.config.settings import Settings
from triphammer.service.metrics import Metric
from triphammer.service.telemetry import families

MOST_BY_DEFAULT = 4096
REPORT_SECONDS = 60.0

log = logging.getLogger("triphammer.web")


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What clients may take: sizes in bytes, times in seconds."""

    connections: int
    streams: int
    head: int
    bodies: int
    head_timeout: float
    body_timeout: float
    keep_alive: float

    @classmethod
    def of(cls, settings: Settings) -> ConnectionLimits:
        """Those of the settings; without a number of connections, what descriptors leave."""
        server, limits = settings.server, settings.limits
        connections = limits.connections or _half_of_the_descriptors()
        return cls(
            connections=connections,
            # They never wait for their client, so that none of them would go for another.
            streams=min(limits.streams, max(1, connections // 2)),
            head=limits.head,
            bodies=limits.bodies,
            head_timeout=server.head_timeout.total_seconds(),
            body_timeout=server.body_timeout.total_seconds(),
            keep_alive=server.keep_alive.total_seconds(),
        )


def _half_of_the_descriptors() -> int:
    """The other half is for the store, files, Kafka, outgoing messages and the users' code."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return MOST_BY_DEFAULT
    return max(1, min(descriptors // 2, MOST_BY_DEFAULT))


class Member(Protocol):
    """A connection as it is looked after."""

    held: int
    """Bytes of bodies that have come and are not answered yet."""
    known: bool
    """Whether a request of it has been answered before."""

    def give_up(self) -> None:
        """End it: its client has had its time."""
        ...

    def evict(self) -> None:
        """End it at once: another one needs its place."""
        ...

    def shed(self) -> None:
        """Refuse the body that is coming: there is no room for it."""
        ...


class Connections:
    """Keeps connections and what they hold within limits, at the cost of the least useful.

    A connection either waits for its client or has something to do. Those that wait stand in
    the order in which their clients were last heard of, in two rows: those that have not brought
    a request yet, and the others. When there are too many, the first of the first row go. So
    clients that hold connections and say nothing take the places of each other, and not of
    those that have something to say.
    """

    def __init__(self, limits: ConnectionLimits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.refused: Counter[str] = Counter()
        """By the status that was answered, or `closed` for connections that said nothing."""
        self._clock = clock
        self._open: set[Member] = set()
        self._strangers: dict[Member, float] = {}
        self._known: dict[Member, float] = {}
        self._held = 0
        self._reported = 0
        self._report_at = clock() + REPORT_SECONDS

    @property
    def now(self) -> float:
        """The time by which they are judged, in seconds."""
        return self._clock()

    def admit(self, member: Member) -> bool:
        """Take a new connection in; another one may have to go for it. False: there is no room."""
        while len(self._open) >= self.limits.connections:
            victim = next(chain(self._strangers, self._known), None)
            if victim is None:
                return False
            self.forget(victim)
            victim.evict()
        self._open.add(member)
        return True

    def forget(self, member: Member) -> None:
        """It is closed, or as good as closed."""
        self._open.discard(member)
        self.settle(member)
        self.release(member)

    def wait(self, member: Member, seconds: float) -> None:
        """It waits for its client, at most so long from now; its client was heard of just now."""
        self.settle(member)
        row = self._known if member.known else self._strangers
        row[member] = self._clock() + seconds

    def settle(self, member: Member) -> None:
        """It does not wait for its client any more."""
        self._strangers.pop(member, None)
        self._known.pop(member, None)

    def hold(self, member: Member, size: int) -> bool:
        """So much more of a body has come. The largest unfinished one goes if there is no room;
        False: that is this one."""
        member.held += size
        self._held += size
        while self._held > self.limits.bodies:
            victim = max((member, *self._strangers, *self._known), key=_held)
            if victim is member:
                return False
            victim.shed()
            self.release(victim)
        return True

    def release(self, member: Member) -> None:
        """What it held has been dealt with."""
        self._held -= member.held
        member.held = 0

    def sweep(self) -> None:
        """End those whose clients have had their time; called about once a second."""
        now = self._clock()
        waiting = chain(self._strangers.items(), self._known.items())
        for member in [member for member, until in waiting if until <= now]:
            member.give_up()
        if now >= self._report_at:
            self._report()
            self._report_at = now + REPORT_SECONDS

    def _report(self) -> None:
        """One line a minute at most, however many clients misbehave."""
        total = self.refused.total()
        if total > self._reported:
            told = ", ".join(f"{why}: {count}" for why, count in sorted(self.refused.items()))
            log.warning(
                "%d clients were turned away lately (since the start: %s)",
                total - self._reported,
                told,
            )
        self._reported = total

    def figures(self) -> Sequence[Metric]:
        """What `/metrics` tells of them."""
        refused = {(why,): float(count) for why, count in self.refused.items()}
        return families.CONNECTIONS.one(len(self._open)), families.REFUSED.of(refused)


def _held(member: Member) -> int:
    return member.held
