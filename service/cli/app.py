"""The `triphammer` command: one verb a function, grouped by what they talk to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version as installed_version
from types import ModuleType
from typing import Any

import typer

from triphammer.service.cli import (
    audit,
    backfills,
    check,
    code,
    db,
    deadletters,
    dev,
    glance,
    health,
    init,
    logs,
    operating,
    outbox,
    reads,
    results,
    run,
    sensors,
    serve,
    settings,
    show,
    state,
    token,
    verbs,
)

HELP = """Something happens; your Python runs.

Start with `triphammer init demo && cd demo && triphammer serve`, then drop a file into
`inbox/`. Reading commands talk to the running daemon and take --json."""

PANELS: Mapping[str, Sequence[ModuleType]] = {
    "Write flows": (init, serve, dev, check, run, code),
    "Look": (glance, reads, show, logs, results),
    "Start, send, pause": (verbs,),
    "Operate": (operating, backfills, deadletters, outbox, sensors, state),
    "Administer": (health, settings, db, token, audit),
}
"""Under which heading the help lists the commands of each module."""


def build() -> typer.Typer:
    """The application with all its commands."""
    app = typer.Typer(
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
    )
    for panel, modules in PANELS.items():
        for module in modules:
            commands, groups = len(app.registered_commands), len(app.registered_groups)
            module.register(app)
            added: Any
            for added in (*app.registered_commands[commands:], *app.registered_groups[groups:]):
                added.rich_help_panel = panel
    app.command(rich_help_panel="Administer")(version)
    return app


def version() -> None:
    """Print the version."""
    typer.echo(f"triphammer {installed_version('triphammer')}")


def main() -> None:
    """Run the command line of this process."""
    build()(prog_name="triphammer")
