from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.config.showing import short, shown


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("value", ["x", 5, 1.5, None, True, ["a", {"b": (1,)}], {"b": 1}, "é\n"])
def test_small_values_are_shown_whole(value: Any) -> None:
    assert shown(value) == repr(value)


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, 10**5000, list(range(10**5)), deep(5000), b"x" * 9999, "\ud800" * 999, Rude()],
    ids=lambda value: type(value).__name__,
)
def test_whatever_it_is_it_takes_little_room(value: Any) -> None:
    assert len(shown(value)) < 200
    shown(value).encode()


@given(st.text(), st.integers(4, 20))
def test_a_short_text_has_both_ends_and_can_be_sent(text: str, most: int) -> None:
    cut = short(text, most)
    cut.encode()
    if text.isascii():
        assert len(cut) <= most + 3
        assert cut[:2] == text[:2]
        assert cut[-2:] == text[-2:]
