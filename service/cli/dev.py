"""`triphammer dev`: the daemon for somebody who writes flows."""

from __future__ import annotations

from pathlib import Path

import typer

from triphammer.service.cli.options import Config, reports_errors
from triphammer.service.cli.serve import Data, Flows, Host, Port, flows_of, given

FOLDER = Path(".triphammer") / "dev"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reports_errors(dev))


def dev(
    flows: Flows = None,
    data: Data = None,
    host: Host = None,
    port: Port = None,
    config: Config = None,
) -> None:
    """Run the daemon to write flows with: saved files serve at once, outgoing messages are printed
    instead of sent, and everything is kept in .triphammer/dev."""
    # Only here: importing the daemon takes longer than most commands.
    from triphammer.service.cli.serving import serve_here

    own = {"flows.reload": "watch", "store.data": data or FOLDER, "log.format": "text"}
    flags = given({"server.host": host, "server.port": port})
    serve_here(config, {**own, **flows_of(flows), **flags}, sends=False)
