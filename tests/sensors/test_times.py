from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.sensors.times import micros, parse_rfc3339, rfc3339, utc

ZONES = st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))
TIMES = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)


@given(TIMES)
def test_a_time_comes_back_from_its_text_and_its_number(time: datetime) -> None:
    assert parse_rfc3339(rfc3339(time)) == time
    assert parse_rfc3339(time.isoformat()) == time
    assert utc(micros(time)) == time


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-01-31T09:30:00+09:00", "2026-01-31T00:30:00Z"),
        ("2026-01-31t09:30:00.5z", "2026-01-31T09:30:00.500000Z"),
        ("2026-01-31 09:30:00.123456789Z", "2026-01-31T09:30:00.123456Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
    ],
)
def test_forms_of_rfc3339(text: str, shown: str) -> None:
    assert rfc3339(parse_rfc3339(text)) == shown


@pytest.mark.parametrize(
    "text",
    ["", "2026-01-31", "2026-01-31T09:30:00", "20260131T093000Z", "2026-02-30T00:00:00Z",
     "2026-01-31T24:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:60Z",
     "\u0662\u0660\u0662\u0666-01-31T09:30:00Z"],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no RFC 3339 time"):
        parse_rfc3339(text)


@given(st.from_regex(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"))
def test_any_text_of_the_form_is_a_time_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert parse_rfc3339(text).tzinfo is UTC
