"""What commands print: tables for people, JSON for programs.

rich is imported by the functions that draw with it: the others must not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import typer

if TYPE_CHECKING:
    from rich.text import Text

STYLES = {
    "succeeded": "green",
    "delivered": "green",
    "live": "green",
    "ran": "green",
    "failed": "red",
    "dead": "red",
    "error": "red",
    "dead-lettered": "red",
    "running": "blue",
    "queued": "yellow",
    "retrying": "yellow",
    "waiting": "yellow",
    "paused": "yellow",
}


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
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False, header_style="dim")
    for row in listed:
        table.add_row(*(_cell(value) for value in row))
    # Wide enough that ids are never cut where the output is a file or a pipe.
    console = Console()
    Console(width=console.width if console.is_terminal else 200).print(table)


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
        return Text(value, style=STYLES.get(value, ""))
    if isinstance(value, (int, float)):
        return Text(str(value))
    return Text(msgspec.json.encode(value).decode())


def fail(message: str, code: int = 1) -> typer.Exit:
    """The exit to raise after an error: the message on standard error, then `code`."""
    typer.secho("error: ", err=True, nl=False, bold=True, fg=typer.colors.RED)
    typer.echo(message, err=True)
    return typer.Exit(code)
