"""Small drawings stay within their box and keep the order of what they draw."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.web.sparks import line, under

WIDTH, HEIGHT = 120.0, 26.0


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.e+-]+),([\d.e+-]+)", path)]


@given(st.lists(st.floats(min_value=0, max_value=1e12), min_size=2, max_size=60))
def test_a_line_stays_in_its_box_and_higher_is_more(values: Sequence[float]) -> None:
    drawn = points(line(values, WIDTH, HEIGHT))
    assert len(drawn) == len(values)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in drawn)
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)
    for (_, y), value in zip(drawn, values, strict=True):
        for (_, other_y), other in zip(drawn, values, strict=True):
            assert y <= other_y or value <= other


@pytest.mark.parametrize(
    ("values", "expected"),
    [((), ""), ((0, 0), "M0,9 L20,9"), ((4,), "M0,1 L20,1"), ((0, 2, 4), "M0,9 L10,5 L20,1")],
)
def test_a_line(values: Sequence[float], expected: str) -> None:
    assert line(values, 20, 10) == expected


def test_what_lies_under_it_is_closed() -> None:
    assert under((0, 4), 20, 10) == "M0,9 L20,1 L20,10 L0,10 Z"
    assert under((), 20, 10) == ""
