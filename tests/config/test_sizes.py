"""Every form of a size, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.config.errors import SizeError
from triphammer.config.showing import shown
from triphammer.config.sizes import LARGEST, format_size, parse_size


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10MB", 10_000_000),
        ("1GiB", 2**30),
        (" 1.5 kib ", 1536),
        ("512", 512),
        ("7b", 7),
        ("2TB", 2 * 10**12),
        (0, 0),
        (2**53 + 1, 2**53 + 1),
    ],
)
def test_forms(value: int | str, expected: int) -> None:
    assert parse_size(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "MB",
        "1 XB",
        "-1",
        -1,
        "1e3",
        "9" * 400,
        10**400,
        True,
        None,
        1.5,
        [],
        "99999999TB",
        "0 XB",
        10**5000,
        "1" * 9999,
        "1" + " " * 200_000 + "?",  # must not be tried in every way to share out the spaces
    ],
    ids=lambda value: shown(value)[:20],
)
def test_refused(value: Any) -> None:
    with pytest.raises(SizeError, match="is no size: write it like") as caught:
        parse_size(value)
    assert len(str(caught.value)) < 250


@given(st.integers(0, LARGEST))
def test_a_formatted_size_parses_back(size: int) -> None:
    assert abs(parse_size(format_size(size)) - size) <= size * 2**-52


@given(st.text("0123456789.kmgtib ", max_size=12) | st.text())
def test_any_text_is_a_size_or_refused(text: str) -> None:
    with suppress(SizeError):
        assert 0 <= parse_size(text) <= LARGEST


@pytest.mark.parametrize("text", ["0B", "1234B", "10MB", "2MiB", "1GiB", "3TB", "1KiB"])
def test_formatted_as_people_write_it(text: str) -> None:
    assert format_size(parse_size(text)) == text
