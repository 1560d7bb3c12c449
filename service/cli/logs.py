"""`triphammer logs`: what the tasks of a run logged and printed, also as they do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from triphammer.service.cli.completing import run_ids, task_names
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.outage import tell_lost
from triphammer.service.cli.output import json_line, print_json

if TYPE_CHECKING:
    from triphammer.service.web.models import LogLine

COLORS = {
    "WARNING": typer.colors.YELLOW,
    "ERROR": typer.colors.RED,
    "CRITICAL": typer.colors.RED,
    "DEBUG": typer.colors.BRIGHT_BLACK,
}


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reports_errors(logs))


def logs(
    run: Annotated[
        str, typer.Argument(help="A run; the id may be shortened.", autocompletion=run_ids)
    ],
    task: Annotated[
        str | None, typer.Option(help="Only lines of this task.", autocompletion=task_names)
    ] = None,
    attempt: Annotated[int | None, typer.Option(help="Only lines of this attempt.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")
    ] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Print what the tasks of a run logged and printed; with -f as they do it."""
    with connect(url) as daemon:
        lines = daemon.logs(run, task=task, attempt=attempt, follow=follow, lost=tell_lost)
        if json and not follow:
            print_json({"items": list(lines)})
            return
        last: LogLine | None = None
        for last in lines:
            typer.echo(json_line(last) if json else _text(last))
    if last is None and not json:
        typer.echo("Nothing was logged.")


def _text(line: LogLine) -> str:
    place = f"{line['task']}#{line['attempt']}"
    level: Any = f"{line['level']:<7}"
    color = COLORS.get(line["level"])
    return f"{line['at']} {typer.style(level, fg=color) if color else level} {place} {line['text']}"
