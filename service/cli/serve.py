"""`triphammer serve`: the daemon in the foreground."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from triphammer.service.cli.options import Config, reports_errors

Flows = Annotated[
    str | None,
    typer.Option("--flows", help="The folder of flow files, or a module such as acme.flows."),
]
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
    """Run the daemon until SIGTERM or Ctrl-C; SIGHUP loads the flows and the
    certificate again."""
    # Only here: importing the daemon takes longer than most commands.
    from triphammer.service.cli.serving import serve_here

    flags = {"store.data": data, "server.host": host, "server.port": port}
    serve_here(config, {**flows_of(flows), **given(flags | {"server.open": open or None})})


def given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Those that were given."""
    return {key: value for key, value in flags.items() if value is not None}


def flows_of(text: str | None) -> dict[str, Any]:
    """The settings that `--flows` means, by dotted key: a module if it can only be one."""
    if text is None:
        return {}
    parts = text.split(".")
    is_dotted = len(parts) > 1 and all(part.isidentifier() for part in parts)
    if is_dotted and not Path(text).is_dir():
        return {"flows.dir": None, "flows.modules": [text]}
    return {"flows.dir": Path(text)}
