"""`triphammer config show`: every key's effective value and where it came from."""

from __future__ import annotations

from pathlib import Path

import typer

from triphammer.service.cli.options import AsJson, Config, reports_errors
from triphammer.service.cli.output import print_json, print_table


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    group = typer.Typer(help="Look at the settings.", no_args_is_help=True)
    group.command()(reports_errors(show))
    app.add_typer(group, name="config")


def show(config: Config = None, json: AsJson = False) -> None:
    """Print the effective value of each key and where it came from; secrets are masked."""
    # Only here: most commands need no settings.
    from triphammer.config.effective import effective
    from triphammer.config.loading import load_settings

    rows = effective(load_settings(Path.cwd(), config=config, flags={}))
    if json:
        print_json({key: {"value": value, "from": origin} for key, value, origin in rows})
        return
    print_table(("KEY", "VALUE", "FROM"), rows, "")
