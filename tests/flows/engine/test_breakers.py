"""Breakers beside a slow reference: whatever happens, at most one probe at a time, none lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flows.engine.graphs import a_node
from triphammer.flows.breaker import Breaker, breaker
from triphammer.flows.engine.breakers import PREFIX, Breakers
from triphammer.flows.executors.contract import AttemptId, AttemptResult
from triphammer.flows.journal import ErrorInfo

SECOND = 1_000_000
SPEC = Breaker(failures=2, window=10, cooldown=5)
NODE = a_node("ask", breaker=SPEC)


class Attempts:
    """Breakers with a clock and a flow's state moved by hand."""

    def __init__(self, stored: dict[str, bytes] | None = None, now: int = 0) -> None:
        self.now = now
        self.stored = {} if stored is None else stored
        self.due: list[tuple[int, Callable[[], None]]] = []
        self.unwanted: set[int] = set()
        self.under_way: set[int] = set()
        self.began: list[int] = []
        self.waiting: set[int] = set()
        self.breakers = Breakers[int](
            lambda _: dict(self.stored),
            lambda due, call: self.due.append((due, call)),
            lambda: self.now,
            lambda n: n not in self.unwanted,
            self.go,
        )
        self._next = 0

    def go(self, number: int) -> None:
        assert number not in self.unwanted
        self.waiting.discard(number)
        self.under_way.add(number)
        self.began.append(number)
        self.breakers.begun("f", NODE, an_id(number))

    def enter(self) -> int:
        number, self._next = self._next, self._next + 1
        self.waiting.add(number)
        if self.breakers.enter("f", NODE, an_id(number), number) == "go":
            self.go(number)
        return number

    def end(self, number: int, *, well: bool, tells: bool = True) -> None:
        self.under_way.discard(number)
        error = None if well else ErrorInfo("E", "")
        id = an_id(number)
        result = AttemptResult(
            id=id, started_at=0, finished_at=0, error=error, retryable=tells, cancelled=not tells
        )
        for key, value in self.breakers.ended(result).items():
            if value is None:
                self.stored.pop(key, None)
            else:
                self.stored[key] = value

    def pass_time(self, micros: int) -> None:
        end = self.now + micros
        while ready := [one for one in self.due if one[0] <= end]:
            one = min(ready, key=lambda item: item[0])
            self.due.remove(one)
            self.now = max(self.now, one[0])
            one[1]()
        self.now = end

    @property
    def state(self) -> str:
        counts = self.breakers.counts()
        return counts["f/ask"].state if counts else "closed"


def an_id(number: int) -> AttemptId:
    return AttemptId("run", f"t{number}", 1, 0)


def opened() -> Attempts:
    attempts = Attempts()
    for number in (attempts.enter(), attempts.enter()):
        attempts.end(number, well=False)
    return attempts


def test_it_opens_and_one_probe_closes_it() -> None:
    attempts = opened()
    third, fourth = attempts.enter(), attempts.enter()
    attempts.pass_time(5 * SECOND - 1)
    assert attempts.under_way == set()
    attempts.pass_time(1)
    assert attempts.under_way == {third}
    assert attempts.state == "half_open"
    attempts.end(third, well=True)
    assert attempts.under_way == {fourth}
    assert attempts.state == "closed"
    assert attempts.stored == {}


def test_what_began_before_it_opened_does_not_close_it() -> None:
    attempts = Attempts()
    numbers = [attempts.enter() for _ in range(3)]
    attempts.end(numbers[0], well=False)
    attempts.end(numbers[1], well=False)
    attempts.end(numbers[2], well=True)
    assert attempts.state == "open"


@pytest.mark.parametrize("ahead", [3 * SECOND, 10**15])
def test_after_a_restart_it_is_open_for_one_cooldown_at_most(ahead: int) -> None:
    attempts = Attempts({PREFIX + "f/ask": b"%d" % ahead})
    number = attempts.enter()
    assert attempts.state == "open"
    attempts.pass_time(min(ahead, 5 * SECOND))
    assert attempts.under_way == {number}


ACTIONS = st.tuples(st.sampled_from(["enter", "good", "bad", "cancel", "time"]), st.integers(0, 9))


@settings(max_examples=300)
@given(st.lists(ACTIONS, max_size=60))
def test_no_attempt_is_lost_and_probes_come_one_by_one(actions: list[tuple[str, int]]) -> None:
    attempts, opened_at = Attempts(), 0
    for what, number in actions:
        if what == "enter":
            attempts.enter()
        elif what == "time":
            attempts.pass_time(number * SECOND)
        elif attempts.under_way:
            one = sorted(attempts.under_way)[number % len(attempts.under_way)]
            attempts.end(one, well=what == "good", tells=what != "cancel")
        if attempts.state == "closed":
            opened_at = len(attempts.began)
        assert len(attempts.under_way.intersection(attempts.began[opened_at:])) <= 1
        assert bool(attempts.stored) is (attempts.state != "closed")
    attempts.enter()
    while attempts.waiting or attempts.under_way:
        for one in sorted(attempts.under_way):
            attempts.end(one, well=True)
        attempts.pass_time(5 * SECOND)
    assert max(Counter(attempts.began).values()) == 1
    assert attempts.state == "closed"


def test_its_text_says_what_it_does() -> None:
    made: Any = breaker("5 in 1m", name="billing", when_open="fail")
    assert str(made) == "billing: 5 in 60 s, cooldown 30 s, fails when open"
    assert msgspec.structs.asdict(made)["window"] == 60
