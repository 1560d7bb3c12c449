from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import given
from hypothesis import strategies as st

from triphammer.config.source import Source
from triphammer.sensors.errors import SourceError
from triphammer.sensors.timers import at, cron, every
from triphammer.sensors.timers.expression import checked_expression


def test_a_timer_belongs_to_its_flow() -> None:
    source = every("30s")
    spec = source.spec("orders")
    assert spec is not None
    assert (spec.id, spec.options["flow"]) == ("timer:orders/every 30s", "orders")
    assert source.matching("orders") == {
        "source": ["triphammer/timer/orders"],
        "type": ["triphammer.timer.fired"],
    }


def test_equal_schedules_have_equal_names_however_they_are_written() -> None:
    assert every("60s").name == every(60).name == every(timedelta(minutes=1)).name
    assert every(0.25).name == "{flow}/every 0.250000s"
    assert cron("@daily").name == cron("0  0 * * *").name == "{flow}/cron 0 0 * * *"
    assert cron("0 6 * * *", tz="Asia/Seoul").name == "{flow}/cron 0 6 * * * Asia/Seoul"
    assert at("2026-01-01T09:00+09:00").name == at(datetime(2026, 1, 1, tzinfo=UTC)).name
    assert at("2026-01-01T09:00").name == "{flow}/at 2026-01-01T09:00:00"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (every("30s", now=True, missed="none"), 'every("30s", now=True, missed="none")'),
        (every(2.5, jitter="1s"), 'every(2.5, jitter="1s")'),
        (cron("@hourly", tz=ZoneInfo("UTC")), 'cron("0 * * * *", tz="UTC")'),
        (at(datetime(2026, 1, 1)), 'at("2026-01-01T00:00:00")'),
    ],
)
def test_a_source_is_shown_as_it_is_written(source: Source, text: str) -> None:
    assert source.text == text


@pytest.mark.parametrize(
    ("expression", "caret"),
    [
        ("0 25 * * *", "  ^^"),
        ("0  6 * * MONN", "         ^^^^"),
        ("60 * * * * *", "^^"),
        ("*/15 * * 13 *", "         ^^"),
        ("0 6 * *", "       ^"),
        ("0 6 * * * * 7", "            ^"),
        ("", "^"),
        ("0 0 30 2 *", "    ^^"),
        ("* * */20 * 1L", "^^^^^^^^^^^^^"),
    ],
)
def test_a_typo_is_shown_at_its_place(expression: str, caret: str) -> None:
    with pytest.raises(SourceError) as caught:
        cron(expression)
    first, shown, pointed = str(caught.value).split("\n")
    assert first.startswith(f"cron({expression!r}): ")
    assert (shown, pointed) == (f"    {expression}", f"    {caret}")


@given(st.text(alphabet="0123456789*/,-#LW? MONé²\t", max_size=16))
def test_any_text_is_a_cron_or_a_source_error(text: str) -> None:
    try:
        CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError:
        with pytest.raises(SourceError):
            checked_expression(text)


ANY: Any = every
ANY_AT: Any = at
WRONG: list[tuple[Callable[[], Source], str]] = [
    (lambda: every("0s"), "at least 1 ms"),
    (lambda: every("soon"), "'soon' is no duration"),
    (lambda: every("1s", jitter="x"), "jitter: 'x' is no duration"),
    (lambda: ANY("1s", missed="some"), "missed must be 'last', 'all' or 'none'"),
    (lambda: cron("* * * * *", tz="Mars/Olympus"), "no IANA time zone"),
    (lambda: cron("* * * * *", tz="/etc/passwd"), "no IANA time zone"),
    (lambda: cron("* * * * *", tz="../UTC" * 9999), "no IANA time zone"),
    (lambda: cron("0," * 600 + "0 * * * *"), "longer than 1000 characters"),
    (lambda: at("tomorrow"), "no ISO 8601 time"),
    (lambda: at("0001-01-01T00:00:00+09:00"), "only the years from 2 to 9998"),
    (lambda: at("9999-12-31T23:00:00-09:00"), "only the years from 2 to 9998"),
    (lambda: at("9999-12-31T23:00:00"), "only the years from 2 to 9998"),
    (lambda: every("1" * 9999), "is no duration"),
    (lambda: ANY_AT(5), "no ISO 8601 time"),
]


@pytest.mark.parametrize(("make", "reason"), WRONG)
def test_what_is_no_timer_says_why(make: Callable[[], Source], reason: str) -> None:
    with pytest.raises(SourceError, match=reason) as caught:
        make()
    assert len(str(caught.value)) < 400
