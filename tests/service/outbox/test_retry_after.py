from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.outbox.retry_after import retry_after

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MICROS = round(NOW.timestamp() * 1e6)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 2026 00:01:30 GMT", 90.0),
        ("Thursday, 01-Jan-26 00:01:30 GMT", 90.0),
        ("Thu Jan  1 00:01:30 2026", 90.0),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("99999999999999999999", None),
        ("Thu, 99 Jan 2026 00:00:00 GMT", None),
    ],
)
def test_seconds_or_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, MICROS) == seconds


@given(st.integers(0, 10**7))
def test_dates_come_out_as_they_went_in(ahead: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=ahead), usegmt=True)
    assert retry_after(date, MICROS) == ahead


@given(st.text())
def test_no_text_raises(value: str) -> None:
    seconds = retry_after(value, MICROS)
    assert seconds is None or seconds >= 0
