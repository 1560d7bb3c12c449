"""Where to go on with a partition, and what that tells: plain facts in, a decision out.

The rule: the later of the stored and the broker-committed offset; at the earliest record
when there is neither. What the facts give away beside that is a finding, never a guess:

- *gap*: the record to go on with is gone (retention overtook us): go on at the earliest.
- *recreated*: it is another topic of that name: it has another id, or (brokers before Kafka
  2.8 know none) its log ends before what was already taken in, or holds another record where
  the last one stood. Go on at its earliest record. What the group has committed for the old
  topic counts for nothing.
- *reset*: somebody else moved the group's committed offset. Forward is followed: those
  records are skipped, as asked. Backward is not: they are stored events already.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from triphammer.sensors.kafka.positions import NO_TIMESTAMP, Position, are_different


@dataclass(frozen=True, slots=True)
class Committed:
    """The group's offset at the broker; `mark` is the text that its committer left with it."""

    offset: int
    mark: str

    @property
    def topic(self) -> str:
        """The id of the topic that it was committed for, as far as the mark says it."""
        return self.mark.rpartition(MARK_TOPIC)[2] if MARK_TOPIC in self.mark else ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a partition before the first record is read from it.

    `earliest` is the first offset that still exists, `end` the one after the last.
    `topic` is the topic's id, empty where that is not known. `replaced`: while it was read,
    the log was found to be another one.
    """

    earliest: int
    end: int
    topic: str = ""
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
MARK_TOPIC = " topic "


def mark(folder: str, topic: str) -> str:
    """The text to commit along with an offset: by whom it was, and for which topic."""
    return MARK_PREFIX + folder + (MARK_TOPIC + topic if topic else "")


def decide_start(facts: Facts) -> Start:
    """Where to go on, by the rule on top of this file."""
    if _is_recreated(facts):
        return _in_new_log(facts)
    if _is_of_another_topic(facts, facts.committed):
        facts = replace(facts, committed=None)
    candidates = [
        *([facts.stored.next] if facts.stored else []),
        *([facts.committed.offset] if facts.committed else []),
    ]
    wanted = max(candidates, default=facts.earliest)
    offset = max(wanted, facts.earliest)
    gap = (Gap(wanted, facts.earliest - 1),) if wanted < facts.earliest else ()
    return Start(offset, _check(facts, offset), _reset(facts, offset) + gap)


def _is_of_another_topic(facts: Facts, known: Position | Committed | None) -> bool:
    return known is not None and are_different(known.topic, facts.topic)


def _is_recreated(facts: Facts) -> bool:
    if _is_of_another_topic(facts, facts.stored or facts.committed):
        return True
    beyond = [
        facts.stored is not None and facts.stored.next > facts.end,
        facts.committed is not None
        and facts.committed.offset > facts.end
        and not _is_of_another_topic(facts, facts.committed),
    ]
    return facts.replaced or any(beyond)


def _in_new_log(facts: Facts) -> Start:
    stored = facts.stored.next if facts.stored else 0
    committed = facts.committed.offset if facts.committed else 0
    known = stored or committed if facts.replaced else max(stored, committed)
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
    if stored.topic and stored.topic == facts.topic:
        return None
    return stored.timestamp if offset > facts.earliest else None
