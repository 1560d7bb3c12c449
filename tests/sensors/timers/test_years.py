"""Whole years, leap day and every change of the clocks included, against the oracle."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest

from tests.sensors.timers.cron_oracle import ZONES, CronOracle
from triphammer.sensors.timers.schedule import COUNTED, Cron
from triphammer.sensors.times import micros

YEAR = (datetime(2028, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC))
EXPRESSIONS = [
    "*/10 * * * *",
    "17 * * * *",
    "*/20 2 * * *",
    "0 */3 * * *",
    "0 0 * * *",
    "30 1,2,3 * * *",
    "0,15,45 2 * * 0",
    "59 23 28-31 * *",
    "0 12 29 2 *",
    "5 0 13 * 5",
    "0 3 1-7 * */7",
    "30 2 * 3,4,10,11 1-5",
]


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES[1:], ids=str)
def test_every_tick_of_a_leap_year(zone: ZoneInfo) -> None:
    oracle, (first, end) = CronOracle(zone, *YEAR), map(micros, YEAR)
    for expression in EXPRESSIONS:
        cron = Cron(expression, zone)
        found = [*takewhile(lambda due: due < end, cron.ticks_after(first - 1))]
        assert found == oracle.dues(expression), expression
        for due, following in [*pairwise(found)][::997]:
            assert cron.next_after(due) == following
            assert cron.previous(following) == due
        assert cron.newest(first - 1, end - 1) == (found[-1], min(COUNTED, len(found)))


@pytest.mark.parametrize(
    ("expression", "start", "expected"),
    [
        ("0 0 29 2 *", "2026-03-01", "2028-02-29"),
        # 2100 is no leap year.
        ("0 0 29 2 *", "2096-03-01", "2104-02-29"),
        # 29 February on a Sunday.
        ("0 0 29 2 */7", "2026-03-01", "2032-02-29"),
    ],
)
def test_leap_days_far_away(expression: str, start: str, expected: str) -> None:
    for zone in ZONES:
        begin = datetime.fromisoformat(start).replace(tzinfo=zone)
        due = Cron(expression, zone).next_after(micros(begin))
        assert due == micros(datetime.fromisoformat(expected).replace(tzinfo=zone))
        assert due is not None
        assert Cron(expression, zone).previous(due + 1) == due
