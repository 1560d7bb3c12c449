"""How files of users are served: ranges, and headers that keep them from being pages of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.web.files import headers_of, range_of


@pytest.mark.parametrize(
    ("wanted", "span"),
    [
        ("", (0, 10)),
        ("bytes=0-3", (0, 4)),
        ("bytes=3-", (3, 10)),
        ("bytes=-4", (6, 10)),
        ("bytes=-40", (0, 10)),
        ("bytes=0-99", (0, 10)),
        ("bytes=9-9", (9, 10)),
        ("bytes=10-", None),
        ("bytes=-0", None),
        ("bytes=5-3", (0, 10)),
        ("bytes=0-1,3-4", (0, 10)),
        ("lines=0-1", (0, 10)),
        ("bytes=-", (0, 10)),
        ("bytes=" + "9" * 30 + "-", (0, 10)),
    ],
)
def test_ranges(wanted: str, span: tuple[int, int] | None) -> None:
    assert range_of(wanted, 10) == span


def test_of_nothing_there_is_no_range() -> None:
    assert range_of("", 0) == (0, 0)
    assert range_of("bytes=0-", 0) is None


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_is_what_slicing_gives(size: int, first: int, last: int) -> None:
    content = bytes(range(size))
    span = range_of(f"bytes={first}-{last}", size)
    if first <= last:
        assert content[first : last + 1] == (b"" if span is None else content[slice(*span)])


@pytest.mark.parametrize(
    ("media_type", "how"),
    [
        ("text/html", "attachment"),
        ("TEXT/HTML; charset=utf-8", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("text/xml", "attachment"),
        ("application/pdf", "attachment"),
        ("application/javascript", "attachment"),
        ("image/png", "inline"),
        ("text/plain; charset=utf-8", "inline"),
        ("Application/JSON", "inline"),
    ],
)
def test_what_could_run_is_saved_and_never_shown(media_type: str, how: str) -> None:
    headers = headers_of("0" * 64, 'a "b"\r\nSet-Cookie: x/é', media_type)
    assert headers["Content-Disposition"].startswith(f"{how}; filename*=UTF-8''a%20%22b%22%0D%0A")
    assert headers["Content-Security-Policy"].startswith("sandbox;")
    assert headers["X-Content-Type-Options"] == "nosniff"
