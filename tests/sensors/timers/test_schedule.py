"""Checked against an oracle that walks through every minute and asks whether it is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sensors.timers.cron_oracle import ZONES, CronOracle
from triphammer.sensors.timers.schedule import COUNTED, At, Cron, Every, Schedule
from triphammer.sensors.times import micros, rfc3339, utc

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86_400_000_000


def at(text: str) -> int:
    return micros(datetime.fromisoformat(text))


def ticks(cron: Cron, after: int, until: int) -> list[int]:
    found: list[int] = []
    due = cron.next_after(after)
    while due is not None and due < until:
        found.append(due)
        due = cron.next_after(due)
    return found


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    spans = st.tuples(number, number).map(lambda p: f"{min(p)}-{max(p)}")
    some = st.lists(number.map(str) | spans, min_size=1, max_size=3).map(",".join)
    return st.sampled_from(["*", "*/7"]) | some


EXPRESSIONS = st.tuples(
    fields(0, 59),
    st.sampled_from(["*", "1", "2", "3", "1-3", "0,2", "*/2", "5"]),
    st.sampled_from(["*", "*", "25-31", "1,7", "*/3"]),
    st.sampled_from(["*", "3,4,10,11"]),
    st.sampled_from(["*", "*", "0", "7", "1-5"]),
).map(" ".join)

# Around changes of daylight saving of each zone, and one time without any.
STARTS = st.sampled_from(
    [
        "2026-03-28T12:00Z",
        "2026-10-24T12:00Z",
        "2026-03-07T12:00Z",
        "2026-10-31T12:00Z",
        "2026-10-03T00:00Z",
        "2026-02-14T12:00Z",
        "2026-03-21T12:00Z",
        "2026-04-04T00:00Z",
        "2026-09-26T00:00Z",
        "2026-06-30T12:00Z",
    ]
).map(lambda text: datetime.fromisoformat(text).astimezone(UTC))


@settings(max_examples=60)
@given(EXPRESSIONS, st.sampled_from(ZONES), STARTS)
def test_cron_ticks_as_the_oracle_says(expression: str, zone: ZoneInfo, start: datetime) -> None:
    end = start + timedelta(days=2)
    expected = CronOracle(zone, start, end).dues(expression)
    assert ticks(Cron(expression, zone), micros(start) - 1, micros(end)) == expected


@settings(max_examples=60)
@given(EXPRESSIONS, st.sampled_from(ZONES), STARTS, st.integers(0, 2880 * 60_000_000))
def test_newest_and_previous_agree_with_the_way_forward(
    expression: str, zone: ZoneInfo, start: datetime, span: int
) -> None:
    cron, after = Cron(expression, zone), micros(start)
    until = after + span
    all_ticks = ticks(cron, after, until + 1)
    newest = cron.newest(after, until)
    assert newest == ((all_ticks[-1], min(len(all_ticks), COUNTED)) if all_ticks else None)
    for earlier, later in [*pairwise(all_ticks)][:5]:
        assert cron.previous(later) == earlier
    assert all(cron.is_due(due) for due in all_ticks[:5])


@pytest.mark.parametrize(
    ("expression", "start", "expected"),
    [
        # 02:30 does not exist on that day: it runs right after the gap.
        ("30 2 * * *", "2026-03-29T00:00+01:00", ["01:00:00Z"]),
        # 02:30 comes twice on that day: it runs the first time only.
        ("30 2 * * *", "2026-10-25T00:00+02:00", ["00:30:00Z"]),
        (
            "30 * * * *",
            "2026-10-25T01:45+02:00",
            ["00:30:00Z", "01:30:00Z", "02:30:00Z", "03:30:00Z"],
        ),
    ],
)
def test_daylight_saving(expression: str, start: str, expected: list[str]) -> None:
    found = ticks(Cron(expression, BERLIN), at(start), at(start) + 4 * 3_600_000_000)
    assert [rfc3339(utc(due))[11:] for due in found] == expected


def test_after_the_second_of_two_equal_hours_no_tick_lies_in_the_past() -> None:
    second = at("2026-10-25T02:15+01:00")  # 02:15 for the second time
    due = Cron("30 2 * * *", BERLIN).next_after(second)
    assert due == at("2026-10-26T02:30+01:00")


def test_seconds_may_be_given_and_follow_real_time() -> None:
    cron = Cron("*/20 * * * * *", BERLIN)
    start = at("2026-10-25T02:59:30+02:00")
    assert ticks(cron, start, start + 60_000_001) == [start + n * 1_000_000 for n in (10, 30, 50)]


def test_a_fraction_of_a_second_is_not_lost() -> None:
    cron = Cron("* * * * *", BERLIN)
    due = at("2026-01-01T10:00+01:00")
    assert cron.next_after(due - 1) == due
    assert cron.next_after(due) == due + 60_000_000


def test_very_many_ticks_are_not_counted_to_the_end() -> None:
    cron = Cron("* * * * * *", ZoneInfo("UTC"))
    start = at("2026-01-01T00:00Z")
    assert cron.newest(start, start + 30 * DAY + 5) == (start + 30 * DAY, COUNTED)


def test_a_cron_that_ends_has_no_next() -> None:
    start = at("2026-01-01T00:00Z")
    assert Cron("* * */20 * 1L", ZoneInfo("UTC")).next_after(start) is None
    assert Cron("0 0 29 2 *", ZoneInfo("UTC")).previous(start) == at("2024-02-29T00:00Z")


@given(st.integers(1, 10**9), st.integers(0, 10**15), st.integers(0, 10**11))
def test_every_ticks_at_multiples(period: int, last: int, span: int) -> None:
    every = Every(period)
    newest = every.newest(last, last + span)
    count = span // period
    assert newest == ((last + count * period, count) if count else None)
    assert every.next_after(last) == last + period
    assert every.previous(every.next_after(last)) == last
    assert every.is_due(last)


def test_at_ticks_once() -> None:
    once: Schedule = At(100)
    assert once.previous(100) is None
    assert (once.next_after(99), once.next_after(100)) == (100, None)
    assert once.newest(0, 99) is None
    assert once.newest(99, 100) == (100, 1)
    assert once.newest(100, 200) is None
    assert (once.is_due(100), once.is_due(99)) == (True, False)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # The clocks go from 02:00 to 02:30, which is 15:30 UTC the day before.
        ("15 2 * * *", ["15:30:00Z"]),
        ("30 2 * * *", ["15:30:00Z"]),
        ("15,45 2 * * *", ["15:30:00Z", "15:45:00Z"]),
        ("*/15 2 * * *", ["15:30:00Z", "15:45:00Z"]),
    ],
)
def test_a_shift_of_half_an_hour(expression: str, expected: list[str]) -> None:
    start = at("2026-10-03T14:00Z")
    found = ticks(Cron(expression, ZoneInfo("Australia/Lord_Howe")), start, start + DAY // 2)
    assert [rfc3339(utc(due))[11:] for due in found] == expected
