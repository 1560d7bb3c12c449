"""Every form of a duration, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.config.durations import (
    LONGEST_SECONDS,
    format_duration,
    micros,
    parse_duration,
    seconds,
)
from triphammer.config.errors import DurationError
from triphammer.config.showing import shown

FORMS: list[tuple[Any, float]] = [
    ("250ms", 0.25),
    ("30s", 30),
    ("5m", 300),
    ("2h", 7200),
    ("1d", 86_400),
    ("1w", 604_800),
    ("1h30m", 5400),
    ("1h 30m", 5400),
    (" 2 days ", 172_800),
    ("1 minute 1 second", 61),
    ("1.5H", 5400),
    ("12", 12),
    ("0.5", 0.5),
    (0, 0),
    (1.5, 1.5),
    (timedelta(minutes=2), 120),
]


@pytest.mark.parametrize(("value", "expected"), FORMS)
def test_forms(value: Any, expected: float) -> None:
    assert seconds(value) == expected
    assert micros(value) == round(expected * 1_000_000)
    assert parse_duration(value) == timedelta(seconds=expected)


REFUSED: list[Any] = [
    "", " ", "s", "1x", "1h30", "-5s", "1 h-", "1e3s", "soon", "1..5s", "٣s", "9" * 400 + "s",
    -1, float("nan"), float("inf"), 10**400, timedelta(seconds=-1), "101 years", "6000w",
    10**5000, "1" * 9999, " " * 9999 + "x",
    True, None, [], b"1s",
]  # fmt: skip


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: shown(value)[:20])
def test_refused(value: Any) -> None:
    with pytest.raises(DurationError, match="is no duration: ") as caught:
        seconds(value)
    assert len(str(caught.value)) < 250


@given(st.integers(0, LONGEST_SECONDS * 1000))
def test_a_formatted_duration_parses_back(millis: int) -> None:
    value = timedelta(milliseconds=millis)
    assert parse_duration(format_duration(value)) == value


@pytest.mark.parametrize("text", ["0s", "250ms", "1m30s", "30d", "90d", "3w", "1h30m"])
def test_formatted_as_people_write_it(text: str) -> None:
    assert format_duration(parse_duration(text)) == text


@given(st.text("0123456789.smhdw -٣İ", max_size=12) | st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with suppress(DurationError):
        assert 0 <= seconds(text) <= LONGEST_SECONDS
