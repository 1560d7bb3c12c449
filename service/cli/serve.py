"""`triphammer serve`: the daemon in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from triphammer.service.cli.options import Config, reports_errors

Flows = Annotated[Path | None, typer.Option("--flows", help="The folder of flow files.")]
Data = Annotated[Path | None, typer.Option("--data", help="The data folder.")]
Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Port; 0: any.")]
Open = Annotated[
    bool, typer.Option("--open", help="Ask nobody for a token, wherever the daemon listens.")
]


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reports_errors(serve))


def serve(
    flows: Flows = None,
    data: Data = None,
    host: Host = None,
    port: Port = None,
    open: Open = False,
    config: Config = None,
) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; SIGHUP loads the flows again."""
    flags: dict[str, Any] = {
        "flows.dir": flows,
        "store.data": data,
        "server.host": host,
        "server.port": port,
        "server.open": open or None,
    }
    # Only here: importing the daemon takes longer than most commands.
    from triphammer.service.cli.serving import serve_here

    serve_here(config, {key: value for key, value in flags.items() if value is not None})
