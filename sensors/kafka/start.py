"""Where to go on with a partition, and what that tells: plain facts in, a decision out.

The rule: the later of the stored and the broker-committed offset; at the earliest record
when there is neither. What the facts give away beside that is a finding, never a guess:

- *gap*: the record to go on with is gone (retention overtook us): go on at the earliest.
- *recreated*: the log ends before what was already taken in, or holds another record where
  the last one stood: it is another topic of that name. Go on at its earliest record.
- *reset*: somebody else moved the group's committed offset. Forward is followed: those
  records are skipped, as asked. Backward is not: they are stored events already.
"""

from __future__ import annotations

from dataclasses import dataclass

from triphammer.sensors.kafka.positions import NO_TIMESTAMP, Position


@dataclass(frozen=True, slots=True)
class Committed:
    """The group's offset at the broker; `mark` is the text that its committer left with it."""

    offset: int
    mark: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a partition before the first record is read from it.

    `earliest` is the first offset that still exists, `end` the one after the last.
    `replaced`: the record before the stored offset was found to be another one.
    """

    earliest: int
    end: int
    stored: Position | None = None
    committed: Committed | None = None
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Records `first` to `last` were removed before they could be read."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Recreated:
    """The log is another one: `stored` was the next offset in the old one, `end` is its end."""

    stored: int
    end: int
    resumed: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The group's offset was moved from `stored` to `committed` by somebody else."""

    stored: int
    committed: int
    resumed: int


Finding = Gap | Recreated | Reset


@dataclass(frozen=True, slots=True)
class Start:
    """Read from `offset`. `check` is the timestamp of the record just before it, if that one
    shall be read as well, to see that it is still the same."""

    offset: int
    check: int | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def read_from(self) -> int:
        """The offset of the first record to fetch."""
        return self.offset if self.check is None else self.offset - 1


MARK_PREFIX = "triphammer "
"""Begins the mark of every offset that a triphammer commits: others are operators."""


def decide_start(facts: Facts) -> Start:
    """Where to go on, by the rule on top of this file."""
    if _is_recreated(facts):
        return _in_new_log(facts)
    candidates = [
        *([facts.stored.next] if facts.stored else []),
        *([facts.committed.offset] if facts.committed else []),
    ]
    wanted = max(candidates, default=facts.earliest)
    offset = max(wanted, facts.earliest)
    gap = (Gap(wanted, facts.earliest - 1),) if wanted < facts.earliest else ()
    return Start(offset, _check(facts, offset), _reset(facts, offset) + gap)


def _is_recreated(facts: Facts) -> bool:
    beyond = [
        facts.stored is not None and facts.stored.next > facts.end,
        facts.committed is not None and facts.committed.offset > facts.end,
    ]
    return facts.replaced or any(beyond)


def _in_new_log(facts: Facts) -> Start:
    stored = facts.stored.next if facts.stored else 0
    committed = facts.committed.offset if facts.committed else 0
    known = stored if facts.replaced else max(stored, committed)
    return Start(facts.earliest, None, (Recreated(known, facts.end, facts.earliest),))


def _reset(facts: Facts, offset: int) -> tuple[Finding, ...]:
    stored, committed = facts.stored, facts.committed
    if stored is None or committed is None or committed.offset == stored.next:
        return ()
    if committed.mark.startswith(MARK_PREFIX):
        return ()
    return (Reset(stored.next, committed.offset, offset),)


def _check(facts: Facts, offset: int) -> int | None:
    stored = facts.stored
    if stored is None or stored.next != offset or stored.timestamp == NO_TIMESTAMP:
        return None
    return stored.timestamp if offset > facts.earliest else None
