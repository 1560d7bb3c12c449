"""`triphammer run`: a flow here and now, without daemon."""

from __future__ import annotations

from typing import Annotated

import typer

from triphammer.service.cli.options import AsJson, Config, Params, reports_errors


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reports_errors(run))


def run(
    flow: Annotated[str, typer.Argument(help="A flow's name, FILE, or FILE::FLOW.")],
    event: Annotated[
        str | None, typer.Option("--event", help="The event: JSON or @FILE (a CloudEvent).")
    ] = None,
    param: Params = None,
    deliver: Annotated[
        bool, typer.Option("--deliver", help="Send outgoing messages instead of printing them.")
    ] = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Run a flow here and now, without a daemon; exit 1 unless it succeeds.

    The store is in memory. Outgoing messages are printed and files are not moved.
    """
    # Only here: loading flows takes longer than most commands.
    from triphammer.service.cli.running import run_here

    run_here(flow, event, param, config, deliver=deliver, json=json)
