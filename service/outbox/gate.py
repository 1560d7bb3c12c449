"""Which messages may go: none to targets that are disabled, one at a time to those that fail.

Plain bookkeeping without waiting: rows and outcomes in, rows to send and to keep back out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from triphammer.flows.journal import OutMessage
from triphammer.service.outbox.breaker import (
    CLOSED,
    MICROS,
    Breaker,
    Go,
    Hold,
    Rule,
    decide,
    dropped,
    failed,
    probing,
)
from triphammer.service.outbox.courier import connection_of
from triphammer.service.outbox.outcome import Dead, Delivered, Outcome
from triphammer.service.outbox.schedule import LONGEST_WISH, UNREACHABLE_CAP
from triphammer.service.store.contract import OutboxRow

MOST_FAILING = 10_000
"""Targets that are remembered as failing: the one forgotten first is merely tried again."""
UNREACHABLE_HOLD = 30.0
"""Seconds that messages to an unreachable broker are put off, but for one of them: that one is
the next probe, within seconds, and when it arrives all are brought forward."""


@dataclass(slots=True)
class Sorted:
    """What to do with rows: send, hold until a time, or give up for a reason."""

    go: list[OutboxRow] = field(default_factory=list[OutboxRow])
    hold: list[tuple[OutboxRow, int]] = field(default_factory=list[tuple[OutboxRow, int]])
    give_up: list[tuple[OutboxRow, str]] = field(default_factory=list[tuple[OutboxRow, str]])


@dataclass(slots=True)
class _Failing:
    """A target that fails: since when and why, and the addresses of messages that wait for
    that to end."""

    breaker: Breaker
    since: int
    reason: str = ""
    unreachable: bool = False
    waiting: set[str] = field(default_factory=set[str])


class Gate:
    """The breakers of all failing targets and the disabled endpoints.

    A webhook's target is its URL, not its host: one bad address must not close the others of
    a host. All topics of a Kafka connection share its brokers and so one breaker.
    """

    def __init__(self, rule: Rule, random: Random, give_up: float) -> None:
        self._rule = rule
        self._random = random
        self._give_up = round(give_up * MICROS)
        self._failing: dict[str, _Failing] = {}
        self._disabled: Mapping[str, str] = {}

    def disable(self, disabled: Mapping[str, str]) -> None:
        """The webhooks' targets to which nothing goes, with the reason, from now on."""
        self._disabled = disabled

    def sort(self, rows: Iterable[OutboxRow], now: int) -> Sorted:
        """What to do with rows that are due. Of each failing target that may be probed, the
        message with the fewest attempts goes: one that the target cannot take is not sent
        over and over while others wait."""
        result = Sorted()
        probes: dict[str, OutboxRow] = {}
        for row in rows:
            name = breaker_name(row.message)
            failing = self._failing.get(name)
            if row.message.kind == "webhook" and row.message.target in self._disabled:
                result.give_up.append((row, self._disabled[row.message.target]))
            elif failing is None:
                result.go.append(row)
            else:
                self._judge(result, probes, name, failing, row, now)
        result.hold = self._spread(result.hold, now)
        for name, row in probes.items():
            self._failing[name].breaker = probing(self._failing[name].breaker, row.message.id)
            result.go.append(row)
        return result

    def _judge(
        self,
        result: Sorted,
        probes: dict[str, OutboxRow],
        name: str,
        failing: _Failing,
        row: OutboxRow,
        now: int,
    ) -> None:
        verdict = decide(failing.breaker, now)
        if isinstance(verdict, Go):
            result.go.append(row)
        elif isinstance(verdict, Hold):
            self._hold(result, failing, row, verdict.until, now)
        elif name not in probes:
            probes[name] = row
        else:
            first = min(probes[name], row, key=_fewest_attempts)
            other = row if first is probes[name] else probes[name]
            probes[name] = first
            pause = max(failing.breaker.pause, MICROS)
            self._hold(result, failing, other, now + pause, now)

    def _hold(
        self, result: Sorted, failing: _Failing, row: OutboxRow, until: int, now: int
    ) -> None:
        began = row.redriven_at or row.created_at
        if not row.attempts:  # it may have waited for others, or for the daemon
            began = max(began, failing.since)
        if now - began >= self._give_up and not failing.unreachable:
            text = f"{failing.reason}; given up after {row.attempts} attempts of its own"
            result.give_up.append((row, text))
            return
        failing.waiting.add(row.message.target)
        result.hold.append((row, until))

    def _spread(self, hold: list[tuple[OutboxRow, int]], now: int) -> list[tuple[OutboxRow, int]]:
        """`hold`, but of a broker that cannot be reached all but one put off for longer: a great
        backlog is not to be written anew every few seconds."""
        next_probes: dict[str, OutboxRow] = {}
        for row, _ in hold:
            name = breaker_name(row.message)
            if self._failing[name].unreachable:
                next_probes[name] = min(next_probes.get(name, row), row, key=_fewest_attempts)
        later = now + round(UNREACHABLE_HOLD * MICROS)
        spread: list[tuple[OutboxRow, int]] = []
        for row, until in hold:
            is_next = next_probes.get(breaker_name(row.message), row) is row
            spread.append((row, until if is_next else max(until, later)))
        return spread

    def admits(self, row: OutboxRow, now: int) -> bool:
        """Whether `row`, which was let pass before, may still go."""
        if row.message.kind == "webhook" and row.message.target in self._disabled:
            self.drop(row)
            return False
        failing = self._failing.get(breaker_name(row.message))
        if failing is None or failing.breaker.probe == row.message.id:
            return True
        return isinstance(decide(failing.breaker, now), Go)

    def learn(self, row: OutboxRow, outcome: Outcome, now: int) -> frozenset[str]:
        """Take an attempt's end in; the targets that accept again, whose messages wait."""
        name, id = breaker_name(row.message), row.message.id
        if isinstance(outcome, Dead):
            self.drop(row)
            return frozenset()
        if isinstance(outcome, Delivered) or not _tells_of_target(row.message, outcome):
            known = self._failing.pop(name, None)
            return frozenset(known.waiting) if known and known.breaker.opened else frozenset()
        failing = self._failing.pop(name, None) or _Failing(CLOSED, now)
        rule, jitter = self._rule, self._random.random()
        after = None if outcome.after is None else min(outcome.after, LONGEST_WISH)
        if outcome.unreachable:
            rule = replace(rule, longest=min(rule.longest, UNREACHABLE_CAP))
        failing.breaker = failed(failing.breaker, rule, id, now, jitter, after)
        failing.reason, failing.unreachable = outcome.reason, outcome.unreachable
        failing.waiting.add(row.message.target)
        self._failing[name] = failing
        while len(self._failing) > MOST_FAILING:
            del self._failing[next(iter(self._failing))]
        return frozenset()

    def drop(self, row: OutboxRow) -> None:
        """`row` did not go, or its end tells nothing of its target."""
        failing = self._failing.get(breaker_name(row.message))
        if failing is not None:
            failing.breaker = dropped(failing.breaker, row.message.id)

    def hurry(self) -> None:
        """An operator has acted: the next message to each failing target is its probe."""
        for failing in self._failing.values():
            failing.breaker = replace(failing.breaker, pause=0)


def breaker_name(message: OutMessage) -> str:
    """What fails together with the target of `message`."""
    return connection_of(message) or message.target


def _tells_of_target(message: OutMessage, outcome: Outcome) -> bool:
    """Whether a failure is the target's: of Kafka and mail only an absent server is."""
    if isinstance(outcome, (Delivered, Dead)):
        return False
    return not outcome.refused if message.kind == "webhook" else outcome.unreachable


def _fewest_attempts(row: OutboxRow) -> tuple[int, int]:
    return row.attempts, row.seq
