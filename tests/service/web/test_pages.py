"""Figures in the units that fit."""

from __future__ import annotations

import pytest

from triphammer.service.web.pages import rate, size_of, took


@pytest.mark.parametrize(
    ("per_second", "expected"),
    [
        (0, "0/s"),
        (0.0001, "under 1/h"),
        (0.001, "3.6/h"),
        (0.0133, "47.9/h"),
        (0.05, "3/min"),
        (1, "1/s"),
        (12.345, "12.3/s"),
        (99.96, "100/s"),
        (12345.6, "12,346/s"),
    ],
)
def test_a_rate(per_second: float, expected: str) -> None:
    assert rate(per_second) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, ""),
        (0, "0 ms"),
        (0.0004, "0.4 ms"),
        (0.0123, "12 ms"),
        (0.9994, "999 ms"),
        (1, "1 s"),
        (119.94, "119.9 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (200_000, "2.3 days"),
    ],
)
def test_a_length_of_time(seconds: float | None, expected: str) -> None:
    assert took(seconds) == expected


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (123_456, "123 kB"),
        (999_600, "1 MB"),
        (2_340_000, "2.34 MB"),
        (7_000_000_000, "7 GB"),
        (1_234_000_000_000_000, "1,234 TB"),
    ],
)
def test_sizes_are_told_in_the_unit_that_fits(count: int, told: str) -> None:
    assert size_of(count) == told
