"""How ids and times are shown at a terminal, and elsewhere."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from triphammer.service.cli.output import (
    SHORTEST,
    Id,
    Moment,
    harmless,
    moment,
    print_fields,
    print_table,
    relative,
    shortest,
    table,
)

NOW = datetime(2027, 1, 31, 12, 0, 0, tzinfo=UTC)
RUN = "run_01a2185b28bb7c4b97bfa8981b55dd13"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2027-01-31T12:00:00.400000Z", "now"),
        ("2027-01-31T11:59:59Z", "1 s ago"),
        ("2027-01-31T11:59:01Z", "59 s ago"),
        ("2027-01-31T11:59:00Z", "1 min ago"),
        ("2027-01-31T10:59:00Z", "1 h ago"),
        ("2027-01-29T12:00:00Z", "2 d ago"),
        ("2026-12-31T12:00:00Z", "2026-12-31"),
        ("2027-01-31T12:05:30Z", "in 5 min"),
        ("2027-03-31T12:05:30Z", "2027-03-31"),
        ("", ""),
    ],
)
def test_times_as_people_say_them(text: str, told: str) -> None:
    assert relative(text, NOW) == told


def test_times_in_a_file_are_whole() -> None:
    assert moment("2027-01-31T11:59:01.123456Z") == "2027-01-31 11:59:01"
    assert moment(None) == ""


@given(st.lists(st.text("0123456789abcdef", min_size=32, max_size=32)))
def test_short_ids_are_unique_and_begin_as_the_whole_ones(texts: list[str]) -> None:
    ids = {f"run_{text}" for text in texts}
    length = shortest([Id(id) for id in ids])
    assert len({id[:length] for id in ids}) == len(ids)
    assert length >= SHORTEST


def drawn(*, short: bool) -> str:
    """A table as it is printed."""
    console = Console(file=io.StringIO(), width=200)
    rows = [(Id(RUN), Moment("2026-01-31T11:59:01.1Z"), None, 3, {"a": 1})]
    console.print(table(("RUN", "AT", "NONE", "COUNT", "DATA"), rows, short=short))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_tables_are_short_at_a_terminal_and_whole_elsewhere() -> None:
    assert RUN in drawn(short=False)
    assert "2026-01-31 11:59:01" in drawn(short=False)
    assert '{"a":1}' in drawn(short=False)
    assert RUN not in drawn(short=True)
    assert RUN[:SHORTEST] in drawn(short=True)
    assert "11:59:01" not in drawn(short=True)


def test_rows_of_a_pipe_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    long = "no such file: " + "x" * 500
    print_table(("RUN", "ERROR"), [(Id(RUN), f"{long}\nat line 3"), (Id(RUN), None)], "")
    assert capsys.readouterr().out.splitlines() == [
        f"RUN{' ' * (len(RUN) - 3)}  ERROR",
        f"{RUN}  {long} at line 3",
        RUN,
    ]


def test_what_users_name_is_no_markup() -> None:
    console = Console(file=io.StringIO(), width=200)
    console.print(table(("FLOW",), [("[bold]x[/bold]",)], short=True))
    assert isinstance(console.file, io.StringIO)
    assert "[bold]x[/bold]" in console.file.getvalue()


def test_what_others_have_written_cannot_draw_on_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hostile = "500: \x1b[2J\x1b]0;mine\x07 \x9b31m ok\ttab"
    print_table(("ERROR",), [(hostile,)], "")
    print_fields({"error": hostile})
    told = capsys.readouterr().out
    assert not set(told) & {"\x1b", "\x07", "\x9b"}
    assert told.count(r"500: \x1b[2J\x1b]0;mine\x07 \x9b31m ok") == 2
    assert harmless("two\nlines\tand é") == "two\nlines\tand é"
