"""What commands print: tables for people, JSON for programs.

On a terminal ids are as short as is unique among them, and times are relative; in a file or a
pipe both are whole. rich is imported by the functions that draw with it: the others must not wait
for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

STYLES = {
    "succeeded": "green",
    "delivered": "green",
    "live": "green",
    "ok": "green",
    "ran": "green",
    "failed": "red",
    "dead": "red",
    "error": "red",
    "broken": "red",
    "dead-lettered": "red",
    "running": "blue",
    "queued": "yellow",
    "retrying": "yellow",
    "waiting": "yellow",
    "paused": "yellow",
}
WIDE = 10_000
"""Columns where the output is a file or a pipe: a row is a line there, however long."""
SHORTEST = 16
"""Letters that are left of an id at least: `run_` and the millisecond that it was made in."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_STEPS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (14 * 86_400, 86_400, "d"))


class Id(str):
    """A cell that holds an id."""

    __slots__ = ()


class Moment(str):
    """A cell that holds a time of the API."""

    __slots__ = ()


def print_json(value: Any) -> None:
    """`value` as indented JSON on standard output."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def json_line(value: Any) -> str:
    """`value` as JSON on one line."""
    return msgspec.json.encode(value).decode()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """A table, or the sentence `empty` where there is no row."""
    listed = list(rows)
    if not listed:
        typer.echo(empty)
        return
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(table(columns, listed, short=True))
        return
    wide = Console(width=WIDE)
    with wide.capture() as drawn:
        wide.print(table(columns, listed, short=False))
    # Not filled up with blanks: the longest cell may be a long error.
    typer.echo("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def can_draw(console: Console) -> bool:
    """Whether what is printed can be drawn over."""
    return console.is_terminal and not console.is_dumb_terminal


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, short: bool, cut: bool = False
) -> Table:
    """The rows as rich draws them; `short`: for somebody at a terminal; `cut`: a line each."""
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        drawn.add_column(column, no_wrap=cut, overflow="ellipsis" if cut else "fold")
    listed, now = list(rows), datetime.now(UTC)
    lengths = [shortest(column) for column in zip(*listed, strict=True)]
    for row in listed:
        told = ((_in_a_line(value) if cut or not short else value) for value in row)
        cells = zip(told, lengths, strict=True)
        drawn.add_row(*(_shown(value, length, now if short else None) for value, length in cells))
    return drawn


def shortest(column: Iterable[Any]) -> int:
    """How many letters tell the ids of a column apart."""
    ids = sorted({str(value) for value in column if isinstance(value, Id)})
    return max([SHORTEST, *(_apart(one, other) for one, other in pairwise(ids))])


def _apart(one: str, other: str) -> int:
    """How many letters it takes to tell two texts apart."""
    pairs = enumerate(zip(one, other, strict=False), start=1)
    return next((place for place, (a, b) in pairs if a != b), max(len(one), len(other)))


def _in_a_line(value: Any) -> Any:
    return " ".join(value.split("\n")) if isinstance(value, str) and "\n" in value else value


def _shown(value: Any, length: int, now: datetime | None) -> Text:
    if isinstance(value, Id) and now is not None:
        return _cell(value[:length])
    if isinstance(value, Moment):
        return _cell(moment(value) if now is None else relative(value, now))
    return _cell(value)


def moment(text: str | None) -> str:
    """A time of the API to the second, without its zone (UTC)."""
    return "" if text is None else f"{text[:10]} {text[11:19]}"


def relative(text: str, now: datetime) -> str:
    """A time of the API as people say it: `5 min ago`, `in 2 h`; the date where it is far."""
    if not text:
        return ""
    seconds = int((now - datetime.fromisoformat(text)).total_seconds())
    for most, unit, name in _STEPS:
        if abs(seconds) < most:
            count = abs(seconds) // unit
            ago = f"{count} {name} ago" if seconds >= 0 else f"in {count} {name}"
            return "now" if count == 0 else ago
    return text[:10]


def print_fields(fields: Mapping[str, Any]) -> None:
    """Name and value, a line each; None is left out."""
    from rich.console import Console
    from rich.text import Text

    shown = {name: value for name, value in fields.items() if value is not None}
    width = max((len(name) for name in shown), default=0)
    console = Console(soft_wrap=True)
    for name, value in shown.items():
        console.print(Text(f"{name:<{width}}  ", style="dim") + _cell(value))


def _cell(value: Any) -> Text:
    from rich.text import Text

    if value is None:
        return Text("")
    if isinstance(value, str):
        return Text(harmless(value), style=STYLES.get(value, ""))
    if isinstance(value, (int, float)):
        return Text(str(value))
    return Text(msgspec.json.encode(value).decode())


def harmless(text: str) -> str:
    """`text` without what would move the cursor of a terminal, or change its colours or title:
    errors quote what others answered."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def fail(message: str, code: int = 1) -> typer.Exit:
    """The exit to raise after an error: the message on standard error, then `code`."""
    typer.secho("error: ", err=True, nl=False, bold=True, fg=typer.colors.RED)
    typer.echo(message, err=True)
    return typer.Exit(code)
