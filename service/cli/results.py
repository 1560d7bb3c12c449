"""Commands about what a run has made: the result of a task, the files that tasks have kept."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triphammer.service.cli.completing import run_ids, task_names
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import Moment, fail, print_json, print_table

if TYPE_CHECKING:
    from triphammer.service.client.sync import Client
    from triphammer.service.web.models import Artifact

RunId = Annotated[
    str, typer.Argument(help="A run; the id may be shortened.", autocompletion=run_ids)
]
COLUMNS = ("ARTIFACT", "TASK", "TYPE", "BYTES", "KEPT")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (result, artifacts):
        app.command()(reports_errors(command))


def result(
    run: RunId,
    task: Annotated[
        str,
        typer.Argument(help="A task of it, or an item: enrich[17].", autocompletion=task_names),
    ],
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Print what a task has given, as JSON; with --json also which state it is in."""
    with connect(url) as daemon:
        answer = daemon.result(run, task)
    print_json(answer if json else answer["result"])


def artifacts(
    run: RunId,
    name: Annotated[
        str | None, typer.Argument(help="One of them, whose content is wanted.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="Only of this task, or item.", autocompletion=task_names),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where its content goes; default: standard output."),
    ] = None,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """List the files that the tasks of a run have kept, or fetch one of them by its name."""
    with connect(url) as daemon:
        answer = daemon.artifacts(run)
        found = [kept for kept in answer["items"] if task in (None, kept["task"])]
        if name is not None:
            _fetch(daemon, _named(found, name), output)
            return
    if json:
        print_json({**answer, "items": found})
        return
    rows = [
        (kept["name"], kept["task"], kept["media_type"], kept["size"], Moment(kept["created_at"]))
        for kept in found
    ]
    print_table(COLUMNS, rows, "Its tasks have kept no file.")


def _named(found: list[Artifact], name: str) -> Artifact:
    """The one of that name; those with the same content are one."""
    same = {kept["digest"]: kept for kept in found if kept["name"] == name}
    if len(same) == 1:
        return next(iter(same.values()))
    if same:
        tasks = ", ".join(kept["task"] for kept in same.values())
        raise fail(f"several tasks have kept a {name}: say which with --task, of {tasks}")
    names = ", ".join(sorted({kept["name"] for kept in found}))
    raise fail(f"no file {name!r} was kept; there are: {names or 'none'}")


def _fetch(daemon: Client, kept: Artifact, output: Path | None) -> None:
    pieces = daemon.artifact(kept["digest"])
    first = next(pieces, b"")  # what is refused must not have emptied the file
    try:
        with ExitStack() as stack:
            target = sys.stdout.buffer if output is None else stack.enter_context(output.open("wb"))
            for piece in chain([first], pieces):
                target.write(piece)
    except OSError as error:
        raise fail(f"{output or 'standard output'}: {error.strerror or error}") from None
