"""`triphammer check`: everything that is wrong with the flows, as `file:line: message`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from triphammer.service.cli.options import AsJson, Config, reports_errors


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reports_errors(check))


def check(
    path: Annotated[
        Path | None, typer.Argument(help="A flow file or folder; default: the project's flows.")
    ] = None,
    build: Annotated[
        bool, typer.Option("--build", help="Build the environments that tasks run in (env=).")
    ] = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Load every flow and report errors, warnings and missing secrets; exit 1 on errors."""
    # Only here: loading flows takes longer than most commands.
    from triphammer.service.cli.checking import check_here

    check_here(path, config, json=json, build=build)
