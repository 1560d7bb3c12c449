"""The calendar: every day once, at the place of its week and weekday."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.store.looking import DayCount
from triphammer.service.web.heat_map import EPOCH, LEFT, STEP, TOP, WEEKS, first_day, heat_map


def days_since(day: date) -> int:
    return (day - EPOCH).days


@given(st.dates(date(1999, 1, 1), date(2100, 1, 1)))
def test_every_day_of_the_weeks_stands_at_its_place(today: date) -> None:
    shown = heat_map([], today)
    first = first_day(today)
    assert first.weekday() == 0
    assert [day.on for day in shown.days] == [
        first + timedelta(days=n) for n in range(len(shown.days))
    ]
    assert shown.days[-1].on == today
    for day in shown.days:
        week, weekday = divmod((day.on - first).days, 7)
        assert (day.x, day.y) == (LEFT + week * STEP, TOP + weekday * STEP)
        assert day.on.weekday() == weekday
    assert max(day.x for day in shown.days) + STEP == LEFT + WEEKS * STEP == shown.width
    assert 11 <= len(shown.months) <= 13
    assert len({x for x, _ in shown.months}) == len(shown.months)


def test_the_busiest_day_is_darkest_and_a_single_run_is_seen() -> None:
    today = date(2026, 11, 26)
    counts = [
        DayCount(days_since(today), "succeeded", 90),
        DayCount(days_since(today), "failed", 10),
        DayCount(days_since(today) - 1, "succeeded", 1),
        DayCount(days_since(today) - 2, "cancelled", 50),
        DayCount(days_since(today) - 3, "succeeded", 51),
        DayCount(days_since(first_day(today)) - 1, "succeeded", 1000),
    ]
    shown = heat_map(counts, today)
    assert [(day.total, day.failed, day.level) for day in shown.days[-4:]] == [
        (51, 0, 3),
        (50, 0, 2),
        (1, 0, 1),
        (100, 10, 4),
    ]
    assert (shown.total, shown.failed) == (202, 10)
    assert [(day.is_marked, day.is_bad) for day in shown.days[-2:]] == [
        (False, False),
        (True, False),
    ]
    assert [day.on for day in shown.busy] == [today - timedelta(days=n) for n in range(4)]


def test_months_hold_all_their_days() -> None:
    today = date(2026, 3, 1)
    counts = [
        DayCount(days_since(today) - n, "failed" if n % 2 else "cancelled", 1) for n in range(40)
    ]
    shown = heat_map(counts, today)
    assert [(month.name, month.total, month.failed) for month in shown.by_month] == [
        ("Mar 2026", 1, 0),
        ("Feb 2026", 28, 14),
        ("Jan 2026", 11, 6),
    ]
    february = shown.by_month[1]
    assert (february.first, february.following) == (date(2026, 2, 1), date(2026, 3, 1))
    assert sum(month.total for month in shown.by_month) == shown.total
    assert len(shown.busy) == 31
