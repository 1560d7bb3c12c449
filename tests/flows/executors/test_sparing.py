"""Progress that costs a message is told sparingly."""

from __future__ import annotations

from tests.contracts.executor_cases import case
from triphammer.flows.executors.sparing import Sparing


def test_each_hundredth_and_ten_times_a_second() -> None:
    told: list[tuple[float, float]] = []
    ticks = 5.0
    context = case("give").context
    context.notice = Sparing(lambda done, total: told.append((done, total)), lambda: ticks)
    for done in range(1001):
        context.progress(done, 1000)
    assert told == [(done, 1000) for done in range(0, 1001, 10)]
    context.progress(3, 1000)  # it begins anew
    context.progress(4, 1000)
    ticks += 0.2
    context.progress(5, 1000)
    assert told[-2:] == [(3, 1000), (5, 1000)]


def test_of_an_unknown_whole_only_time_counts() -> None:
    told: list[tuple[float, float]] = []
    ticks = 5.0
    context = case("give").context
    context.notice = Sparing(lambda done, total: told.append((done, total)), lambda: ticks)
    for done in range(1000):
        context.progress(done, 0)
    assert told == [(0, 0)]
