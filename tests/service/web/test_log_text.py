from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.store.log_pages import StoredLine
from triphammer.service.web.log_text import as_text, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;https://e.org\x07link\x1b]8;;\x07", "link"),
        ("\x1b[2K\rdone", "done"),
        ("10%\r50%\r100%", "100%"),
        ("50%\r", "50%"),
        ("tab\there", "tab\there"),
        ("bell\x07", "bell\ufffd"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("grün ✓", "grün ✓"),
    ],
)
def test_a_line_is_shown_without_what_terminals_obey(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_no_control_is_left(text: str) -> None:
    assert not any(ord(char) < 32 and char != "\t" and char != "\n" for char in plain(text))
    assert "\x1b" not in plain(text)


def test_a_line_of_the_file_says_when_how_and_where() -> None:
    line = StoredLine(1, "load", 2, 1_000_000, "INFO", "\x1b[1mhere\x1b[0m")
    assert as_text(line) == "1970-01-01T00:00:01Z INFO     load#2 here\n"
