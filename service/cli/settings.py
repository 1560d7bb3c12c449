"""`triphammer config show`: every key's effective value and where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Config, Url, reports_errors
from triphammer.service.cli.output import print_json, print_table


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    group = typer.Typer(help="Look at the settings.", no_args_is_help=True)
    group.command()(reports_errors(show))
    app.add_typer(group, name="config")


def show(
    config: Config = None,
    running: Annotated[
        bool, typer.Option("--running", help="Those of the running daemon.")
    ] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Print the effective value of each key and where it came from; secrets are masked."""
    if running:
        with connect(url) as daemon:
            told = daemon.settings().page()
        if json:
            print_json(told)
        else:
            rows = [(one["key"], one["value"], one["origin"]) for one in told["items"]]
            print_table(("KEY", "VALUE", "FROM"), rows, "")
        return
    # Only here: most commands need no settings.
    from triphammer.config.effective import effective
    from triphammer.config.loading import load_settings

    rows = effective(load_settings(Path.cwd(), config=config, flags={}))
    if json:
        print_json({key: {"value": value, "from": origin} for key, value, origin in rows})
        return
    print_table(("KEY", "VALUE", "FROM"), rows, "")
