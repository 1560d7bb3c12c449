"""The `triphammer` command: one verb a function, grouped by what they talk to."""

from __future__ import annotations

from importlib.metadata import version as installed_version

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


def build() -> typer.Typer:
    """The application with all its commands."""
    app = typer.Typer(
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
    )
    ours = (
        init,
        serve,
        dev,
        check,
        run,
        verbs,
        code,
        operating,
        reads,
        show,
        logs,
        results,
        backfills,
        state,
        outbox,
        deadletters,
        glance,
        sensors,
        health,
        settings,
        db,
        token,
        audit,
    )
    for module in ours:
        module.register(app)
    app.command()(version)
    return app


def version() -> None:
    """Print the version."""
    typer.echo(f"triphammer {installed_version('triphammer')}")


def main() -> None:
    """Run the command line of this process."""
    build()(prog_name="triphammer")
