"""Figures in the units that fit."""

from __future__ import annotations

import pytest

from triphammer.service.web.pages import rate


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
